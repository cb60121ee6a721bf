"""How fast an export is downloaded and checked, and with how much memory, beside curl.

The fake Partner Center of the tests hands out an AzureUsage export over TLS. `fetch` downloads it
and checks it, as `insights fetch` does; curl only downloads it. Each is a whole process of its own,
in turn, and the ratio is formed round by round. No processor seconds have the server's work. The
server sends as fast as it can, and as fast as lines of so many megabits a second would.

    python benchmarks/fetch.py [--mb 1000] [--rounds 3] [--mbit 1000 300]
"""

import argparse
import os
import sys
from io import FileIO
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, sleep

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.ingest import Run, measured
from tests.support.partner_center import partner_center

COLUMNS = (
    *("PGAMpnId", "MpnId", "SubscriptionId", "Month", "MeterCategory", "UsageUnits"),
    *("UsageQuantity", "CustomerName", "CustomerTenantId", "CustomerTpid", "CustomerMarket"),
    *("PartnerLocation", "SalesChannel", "PartnerAttributionType", "TotalACR"),
)
FETCH = """
import sys
from pathlib import Path
from insights_lib.fetch.download import download, received
from insights_lib.timing import Clock

link, file, columns = sys.argv[1], Path(sys.argv[2]), sys.argv[3].split(",")
download(link, file, Clock())
came = received(file, columns)
assert came.rows and came.months, came
"""


class Line(FileIO):
    """A file whose bytes come no faster than over a line."""

    def __init__(self, file: Path, mbit: int) -> None:
        super().__init__(file)
        self.bytes_per_second, self.started, self.sent = mbit * 125_000, perf_counter(), 0

    def read(self, size: int | None = -1) -> bytes:
        block = super().read(size) or b""
        self.sent += len(block)
        due = self.started + self.sent / self.bytes_per_second
        sleep(max(0, due - perf_counter()))
        return block


class FarFile(type(Path())):  # type: ignore[misc]
    """A file at the other end of a line."""

    mbit: int

    def open(self, *_: object) -> Line:
        return Line(Path(self), self.mbit)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--mb", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--mbit", type=int, nargs="*", default=[1000, 300])
    asked = options.parse_args()
    with TemporaryDirectory(prefix="bench-fetch-") as made, partner_center(Path(made)) as center:
        folder = Path(made)
        write_export(folder / "export.csv", asked.mb)
        authority, out = str(folder / "ca.pem"), str(folder / "out")
        os.environ["SSL_CERT_FILE"] = authority
        link = center.new_link("1")
        commands = {
            "curl": ["curl", "--silent", "--fail", "--cacert", authority, "-o", out, link],
            "fetch": [sys.executable, "-c", FETCH, link, out, ",".join(COLUMNS)],
        }
        print(f"an export of {asked.mb:,} MB; medians of {asked.rounds} rounds")
        for mbit in (None, *asked.mbit):
            center.file = FarFile(folder / "export.csv") if mbit else folder / "export.csv"
            FarFile.mbit = mbit or 0
            runs: dict[str, list[Run]] = {name: [] for name in commands}
            for _ in range(asked.rounds):
                for name, command in commands.items():
                    runs[name].append(measured(command))
                    assert Path(out).stat().st_size == center.file.stat().st_size
                    Path(out).unlink()
            show(asked.mb, f"{mbit:,} Mbit/s" if mbit else "loopback", runs)


def write_export(file: Path, megabytes: int) -> None:
    """Write an export of about so many megabytes, a block of rows again and again."""
    rows = [
        f"1234567,0012345,{i:08}-89ab-cdef-0123-456789abcdef,{2024 + i % 24 // 12}-{i % 12 + 1:02}"
        f'-01T00:00:00,Storage,GB,{i}.25,"Fabrikam, Ltd {i}",{i:08}-89ab-cdef-0123-456789abcdef,'
        f"{i},Sweden,Stockholm,Direct/CSP,CSP Tier 1,{i}.5\r\n"
        for i in range(20_000)
    ]
    block = "".join(rows).encode()
    with file.open("wb") as out:
        out.write(f"{','.join(COLUMNS)}\r\n".encode())
        for _ in range(max(1, megabytes * 1_000_000 // len(block))):
            out.write(block)


def show(megabytes: int, line: str, runs: dict[str, list[Run]]) -> None:
    print(f"\n{line:14}{'seconds':>9}{'processor s':>13}{'MB/s':>7}{'peak MB':>9}")
    for name, own in runs.items():
        seconds, cpu = median(run.seconds for run in own), median(run.cpu for run in own)
        peak = max(run.peak_mb for run in own)
        print(f"{name:14}{seconds:9.1f}{cpu:13.1f}{megabytes / seconds:7,.0f}{peak:9,.0f}")
    pairs = zip(runs["fetch"], runs["curl"], strict=True)
    ratios = [ours.seconds / curl.seconds for ours, curl in pairs]
    print(f"seconds of fetch / of curl: {median(ratios):.2f}", end=" ")
    print(f"({min(ratios):.2f} to {max(ratios):.2f}), target 1.3 or less; memory below 300 MB")


if __name__ == "__main__":
    main()
