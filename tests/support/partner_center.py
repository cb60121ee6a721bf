"""A Partner Center on loopback, with TLS, sign-in and downloads, that has every known bad habit."""

import gzip
import json
import ssl
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count, repeat
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import trustme

from tests.support.entra import USER, Entra

Record = dict[str, Any]
BASE = "/insights/v1/mpn"
RANGES = ["LAST_MONTH", "LAST_3_MONTHS", "LAST_6_MONTHS", "LAST_1_YEAR", "LIFETIME"]
DATASETS: dict[str, Record] = {
    "CustomersAndTenants": {
        "selectableColumns": [
            "PGAMpnId",
            "MpnId",
            "PartnerName",
            "CustomerName",
            "CustomerTpid",
            "CustomerSegment",
            "CustomerMarket",
            "CustomerStatus",
            "CustomerTenantId",
            "Product",
            "SKU",
            "Month",
            "PartnerLocation",
            "SalesChannel",
            "PartnerAttributionType",
            "IsDuplicateRowForPGA",
            "BilledRevenueUSD",
        ],
        "availableMetrics": ["CustomerCount"],
        "availableDateRanges": RANGES,
        "minimumRecurrenceInterval": 24,
    },
    "OfficeUsage": {
        "selectableColumns": [
            "CustomerTenantId",
            "CustomerTpid",
            "WorkloadName",
            "Month",
            "PaidAvailableUnits",
            "MonthlyActiveUsers",
            "CustomerName",
            "CustomerMarket",
            "CustomerSegment",
            "MPNId",
            "PartnerName",
            "PartnerLocation",
            "PartnerAttributionType",
            "IsDuplicateRowForPGA",
        ],
        "availableMetrics": ["CustomerCount", "TotalMonthlyActiveUsers"],
        "availableDateRanges": RANGES,
        "minimumRecurrenceInterval": 24,
    },
    "Profile": {
        "selectableColumns": [
            "MPNId",
            "PartnerName",
            "PGA_MPNId",
            "PGA_PartnerName",
            "City",
            "Country",
        ],
        "availableMetrics": [],
        "availableDateRanges": [],
        "minimumRecurrenceInterval": 24,
    },
}
CELLS = {
    **{"PGAMpnId": "1234567", "MpnId": "0012345", "MPNId": "0012345", "PGA_MPNId": "1234567"},
    **{"CustomerTpid": "42", "CustomerName": '"Fabrikam, Ltd"', "CustomerMarket": "Sweden"},
    **{"CustomerStatus": "Active", "Product": "Azure", "MonthlyActiveUsers": "7"},
    **{"IsDuplicateRowForPGA": "0", "BilledRevenueUSD": "12.5", "WorkloadName": "Teams"},
}
LINK_SECRET = "sig=aVerySecretSignature"  # noqa: S105 - nothing is behind it


@dataclass
class Fault:
    """An answer that takes the place of another, once.

    Attributes:
        path: Of the call, after the base and without the query, or how it begins.
        done: Whether the call is done all the same.
        pieces: Of the body, if it has no length.
    """

    method: str
    path: str
    status: int
    body: str | bytes = ""
    headers: dict[str, str] = field(default_factory=dict)
    done: bool = False
    pieces: Iterator[bytes] | None = None


@dataclass
class PartnerCenter:
    """The server, its switches and what it has seen.

    Attributes:
        pascal: Whether the keys of envelopes are in PascalCase.
        paging: How lists lead on: absolute, relative, looping, elsewhere; one record to a page.
        unfinished: What is told of a report that is not ready: a record, or 404.
        looks: At executions, before a report is ready; None for never.
        delivery: plain, gzip, encoded, cut, expired, html, header, columns, loop, insecure, part
            (of it, at a row's end), endless (without a length, cut), busy, dripping.
        drip: Bytes of a dripping delivery, without an end.
        format: Of exports: csv or tsv.
        bad_deliveries: How often the delivery is so before it is plain; None for always.
        faults: Answers in place of others, in turn.
    """

    url: str = ""
    entra: Entra = field(default_factory=Entra)
    datasets: dict[str, Record] = field(default_factory=lambda: json.loads(json.dumps(DATASETS)))
    pascal: bool = False
    bom: bool = False
    paging: str = ""
    unfinished: str = "record"
    looks: int | None = 1
    inner_status: bool = False  # refusals come as 200, with the status in the envelope
    quota: int | None = 5  # reports that begin at once
    mfa_header: str | None = "true"
    lacks_mfa: bool = False
    redacted: bool = False
    delivery: str = "plain"
    bad_deliveries: int | None = 0
    drip: Callable[[], Iterator[bytes]] = lambda: repeat(b"x")
    format: str = "csv"
    rows: int = 26
    file: Path | None = None  # the export, where it is not made here
    faults: list[Fault] = field(default_factory=list)
    queries: dict[str, Record] = field(default_factory=dict)
    reports: dict[str, Record] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[Record] = field(default_factory=list)  # of POSTs
    downloads: list[dict[str, str]] = field(default_factory=list)  # their headers
    now: Any = field(default_factory=lambda: lambda: datetime.now(UTC))
    _numbers: Any = field(default_factory=lambda: count(1))
    _links: dict[str, int] = field(default_factory=dict)  # of each report, the one that opens it
    _begun: list[datetime] = field(default_factory=list)

    def posts(self, path: str) -> int:
        """How often something was asked to be made."""
        return self.calls.count(("POST", path))

    def add_query(self, name: str, text: str, kind: str = "userDefined") -> Record:
        number = f"q-{next(self._numbers)}"
        self.queries[number] = {"queryId": number, "name": name, "query": text, "type": kind}
        return self.queries[number]

    def add_report(self, name: str, query: str, status: str = "Active", **more: Any) -> Record:
        number = f"r-{next(self._numbers)}"
        self.reports[number] = {
            "reportId": number,
            "reportName": name,
            "queryId": query,
            "reportStatus": status,
            "query": None,
            "user": USER,
            "createdTime": f"{self.now():%Y-%m-%dT%H:%M:%SZ}",
            "format": "csv",
            "looks": 0,
            **more,
        }
        return self.reports[number]

    def answer(self, method: str, path: str, query: dict[str, str], body: Record) -> Any:  # noqa: PLR0911 - one for each call
        """Status, records and message of a call of the API."""
        match method, path.strip("/").split("/"):
            case "GET", ["ScheduledDataset"]:
                listed = [{"datasetName": name, **d} for name, d in self.datasets.items()]
                return 200, listed, "Dataset fetched successfully"
            case "GET", ["ScheduledQueries"]:
                name = query.get("queryName")
                return self._listed(q for q in self.queries.values() if name in {None, q["name"]})
            case "POST", ["ScheduledQueries"]:
                return self._new_query(body)
            case "GET", ["ScheduledReport"]:
                name, number = query.get("reportName"), query.get("reportId")
                return self._listed(
                    {k: v for k, v in r.items() if k != "looks"}
                    for r in self.reports.values()
                    if name in {None, r["reportName"]} and number in {None, r["reportId"]}
                )
            case "POST", ["ScheduledReport"]:
                return self._new_report(body)
            case "GET", ["ScheduledReport", "execution", number]:
                return self._executions(number)
            case "DELETE", ["ScheduledReport", number] if number in self.reports:
                return 200, [self.reports.pop(number)], None
            case "DELETE", ["ScheduledQueries", number] if number in self.queries:
                return 200, [self.queries.pop(number)], None
        return 404, [], "No item found with given filters."

    @staticmethod
    def _listed(records: Iterator[Record]) -> Any:
        found = list(records)
        return (200, found, None) if found else (404, [], "No item found with given filters.")

    def _new_query(self, body: Record) -> Any:
        name, text = body["Name"], body["Query"]
        if not name.replace(" ", "").isalnum():
            return 400, [], "Invalid query name"
        columns, _, rest = text.removeprefix("SELECT ").partition(" FROM ")
        dataset, _, span = rest.partition(" TIMESPAN ")
        offer = self.datasets.get(dataset)
        if offer is None:
            return 400, [], "Invalid table name"
        names = offer["selectableColumns"] + offer["availableMetrics"]
        known = {c if isinstance(c, str) else c["ColumnName"] for c in names}
        if not set(columns.split(", ")) <= known:
            return 400, [], "Incorrect column name"
        if span and span not in offer["availableDateRanges"]:
            return 400, [], "Invalid TIMESPAN"
        return 200, [self.add_query(name, text)], "Query created successfully"

    def _new_report(self, body: Record) -> Any:
        if body["QueryId"] not in self.queries:
            return 400, [], "Invalid QueryId"
        start = datetime.strptime(body["StartTime"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        if body["ExecuteNow"]:
            recent = [moment for moment in self._begun if moment > self.now() - timedelta(hours=1)]
            if self.quota is not None and len(recent) >= self.quota:
                text = "User has exceeded its ExecuteNow report creation quota of 5 reports/60 mins"
                return 400, [], text
            self._begun.append(self.now())
        elif start < self.now() + timedelta(hours=4):
            text = "Start time of report should at least be 4 hours from current UTC time"
            return 400, [], f"Invalid report parameters for creation - {text}"
        report = self.add_report(body["ReportName"], body["QueryId"], executeNow=body["ExecuteNow"])
        return 200, [report], "Report created successfully"

    def _executions(self, number: str) -> Any:
        report = self.reports.get(number)
        if report is None:
            return 404, [], "No item found with given filters."
        report["looks"] += 1
        ready = self.looks is not None and report["looks"] > self.looks
        if not ready and self.unfinished == "404":
            return 404, [], "There are no executions that have occurred for the given filter"
        record = {
            "executionId": f"e-{number}",
            "reportId": number,
            "format": self.format,
            "executionStatus": "Completed" if ready else "Pending",
            "reportAccessSecureLink": None,
            "reportExpiryTime": None,
        }
        if ready:
            link = self.new_link(number)
            record |= {
                "reportAccessSecureLink": link,
                "reportGeneratedTime": "2026-11-02T06:12:00Z",
            }
            report["reportStatus"] = "Inactive" if report.get("executeNow") else "Active"
        return 200, [record], None

    def new_link(self, number: str) -> str:
        """A link to an export, which ends the one before."""
        self._links[number] = next(self._numbers)
        blob = f"{self.url}/blob/{number}.csv?sv=2026&se={self._links[number]}"
        return f"{blob}&sr=b&sp=r&{LINK_SECRET}"

    def opens(self, number: str, query: str) -> bool:
        """Whether a link is the latest of an export."""
        return parse_qs(query).get("se") == [str(self._links[number])]

    def export(self, number: str) -> bytes:
        """The export of a report, as its query asks for it."""
        query = self.queries[self.reports[number]["queryId"]]["query"]
        columns = query.removeprefix("SELECT ").partition(" FROM ")[0].split(", ")
        delimiter = "\t" if self.format == "tsv" else ","
        lines = [delimiter.join(columns)]
        for row in range(0 if self.delivery == "header" else self.rows):
            month = f"{2024 + row % 24 // 12}-{row % 12 + 1:02}-01T00:00:00"
            cells = {**CELLS, "Month": month, "BilledRevenueUSD": "" if self.redacted else "12.5"}
            if self.format == "tsv":  # a comma is no reason for quotes
                cells["CustomerName"] = "Fabrikam, Ltd"
            lines.append(delimiter.join(cells.get(column, column.lower()) for column in columns))
        return ("\r\n".join(lines) + "\r\n").encode()

    def envelope(self, status: int, records: list[Record], message: str | None) -> Record:
        whole = {
            "value": records,
            "nextLink": None,
            "totalCount": len(records),
            "message": message,
            "statusCode": status,
            "dataRedacted": self.redacted,
        }
        return {k[0].upper() + k[1:]: v for k, v in whole.items()} if self.pascal else whole


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits for an acknowledgement
    center: PartnerCenter

    def log_message(self, *_: object) -> None:
        """Nothing: tests read what was called."""

    def do_GET(self) -> None:
        self._do("GET")

    def do_POST(self) -> None:
        self._do("POST")

    def do_DELETE(self) -> None:
        self._do("DELETE")

    def _do(self, method: str) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        parts = urlsplit(self.path)
        if (signed := self.center.entra.reply(method, self.path, body)) is not None:
            status, content = signed
            text = content if isinstance(content, str) else json.dumps(content)
            return self._send(status, text.encode())
        if parts.path.startswith("/blob/"):
            number = unquote(parts.path).removeprefix("/blob/").removesuffix(".csv")
            return self._blob(number, parts.query)
        assert parts.path.startswith(BASE), self.path
        return self._api(method, parts.path.removeprefix(BASE), parts.query, body)

    def _api(self, method: str, path: str, query: str, given: str) -> None:
        center = self.center
        center.calls.append((method, path))
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if center.lacks_mfa:
            header = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            return self._send(401, b'{"code": 900421, "description": "MFA required"}', header)
        if token not in center.entra.valid:
            return self._reply(401, [], "Unauthorized")
        parsed = json.loads(given) if given else {}
        asked = {key: values[0] for key, values in parse_qs(query).items()}
        fault = next(
            (f for f in center.faults if f.method == method and path.startswith(f.path)), None
        )
        if fault:
            center.faults.remove(fault)
            if fault.done:
                center.answer(method, path, asked, parsed)
            if fault.pieces:
                return self._send_pieces(fault.pieces)
            body = fault.body
            content = body.encode() if isinstance(body, str) else body
            return self._send(fault.status, content, fault.headers)
        if method == "POST":
            center.bodies.append(parsed)
        page = int(asked.pop("page", 0))
        status, records, message = center.answer(method, path, asked, parsed)
        return self._reply(status, records, message, page)

    def _reply(
        self, status: int, records: list[Record], message: str | None, page: int = 0
    ) -> None:
        center, link = self.center, None
        if center.paging and status == 200 and self.command == "GET":
            following = (page + 1) % len(records) if center.paging == "looping" else page + 1
            path = urlsplit(self.path)
            rest = "&".join(p for p in path.query.split("&") if p and not p.startswith("page="))
            target = f"{path.path}?{rest}&page={following}".replace("?&", "?")
            if following < len(records):
                start = {"absolute": center.url, "elsewhere": "https://evil.example"}
                link = start.get(center.paging, "") + target
                if center.paging in {"relative", "looping"}:
                    link = target.removeprefix(f"{BASE}/")
            records = records[page : page + 1]
        envelope = center.envelope(status, records, message)
        if link:
            envelope["NextLink" if center.pascal else "nextLink"] = link
        headers = {} if center.mfa_header is None else {"isMfaCompliant": center.mfa_header}
        content = json.dumps(envelope).encode("utf-8-sig" if center.bom else "utf-8")
        self._send(200 if center.inner_status else status, content, headers)

    def _blob(self, number: str, query: str) -> None:  # noqa: C901, PLR0911, PLR0912 - one for each habit
        center = self.center
        center.downloads.append({k.lower(): v for k, v in self.headers.items()})
        if "Authorization" in self.headers:
            return self._send(401, b"<?xml version='1.0'?><Error>InvalidAuthenticationInfo</Error>")
        kind = center.delivery
        if center.bad_deliveries is not None:
            center.bad_deliveries -= 1
            kind = kind if center.bad_deliveries >= 0 else "plain"
        kind = kind if center.opens(number, query) else "expired"
        if center.file:
            return self._stream(center.file)
        content, headers = center.export(number), {}
        match kind:
            case "expired":
                return self._send(403, b"<Error><Code>AuthenticationFailed</Code></Error>")
            case "html":
                content = b"<!DOCTYPE html><html><title>Sign in to your account</title></html>"
            case "gzip":
                content = gzip.compress(content)
            case "encoded":
                content, headers = gzip.compress(content), {"Content-Encoding": "gzip"}
            case "damaged":
                content = zlib.compress(content, wbits=31)[:-9]
            case "columns":
                content = content.replace(b"PartnerName", b"Surprise", 1)
            case "busy":
                return self._send(503, b"")
            case "dripping":
                return self._send_pieces(center.drip())
            case "part":
                part = content[: content.rindex(b"\r\n", 0, -2) + 2]
                headers = {"Content-Range": f"bytes 0-{len(part) - 1}/{len(content)}"}
                return self._send(206, part, headers)
            case "endless":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + content[:-60])
                self.close_connection = True
                return None
            case "loop":
                return self._send(302, b"", {"Location": self.path})
            case "insecure":
                return self._send(302, b"", {"Location": "http://127.0.0.1:9/"})
            case "cut":
                self._send(200, content[: len(content) // 2], {"Content-Length": str(len(content))})
                self.close_connection = True
                return None
        return self._send(200, content, headers)

    def _stream(self, file: Path) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(file.stat().st_size))
        self.end_headers()
        with file.open("rb") as source:
            while block := source.read(1 << 20):
                self.wfile.write(block)

    def _send_pieces(self, pieces: Iterator[bytes]) -> None:
        """Send pieces until there is none, or nobody takes them."""
        self.close_connection = True
        with suppress(OSError):
            self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n")
            for piece in pieces:
                self.wfile.write(piece)

    def _send(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        given = {"Content-Type": "application/json", "Content-Length": str(len(content))}
        for name, value in (given | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def partner_center(folder: Path) -> Iterator[PartnerCenter]:
    """Run the server on a free port of localhost; `ca.pem` in a folder is whom to trust."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    center = PartnerCenter()
    handler = type("Handler", (_Handler,), {"center": center})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    center.url = center.entra.url = f"https://localhost:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield center
    finally:
        server.shutdown()
        thread.join(30)
        server.server_close()
