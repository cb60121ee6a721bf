"""Roles from run to mail: for a report viewer no value of a single customer is anywhere."""

import io
import json
import zipfile
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from tests.support.mailing import (
    AS_OF,
    MONTHS,
    RANGE,
    attached,
    content_of,
    copied,
    insights,
    person,
    received,
    send,
    told,
    without_browser,
    working_in,
    write_parameters,
)
from tests.support.rows import fill_store, seats_row, usage_row
from tests.support.smtp_server import MailServer, mail_server

pytestmark = pytest.mark.kernels

REPORT = Path("outputs/1") / RANGE
# What rows say of single customers, each with a mark of its own. Customers b to f are ordinary, so
# that no sum or count is that of one customer.
CANARIES = {
    "CustomerTpid": "canary-tpid",
    "CustomerTenantId": "canary00-0000-4000-8000-000000000001",
    "CustomerName": "Canary & <b>Sons</b>",
    "SubscriptionId": "canary00-0000-4000-8000-000000000002",
    "DUNSNumber": "987000111",
    "TotalSoldSeats": "701.5",
    "TotalAssignedSeats": "602.25",
    "BilledRevenueUSD": "5003.125",
    "AzureConsumedRevenueUSD": "4004.625",
    "SubscriptionStartDate": "2017-07-17",
    "SubscriptionEndDate": "2025-10-23",
}
# By dataset of usage, its own cells of the canary; ordinary customers have 7 of each amount.
USAGE = {
    "OfficeUsage": {"WorkloadName": "Exchange", "MonthlyActiveUsers": "30907.0625"},
    "EMSUsage": {"AADPPaidAvailableUnits": "81", "MonthlyActiveUsers": "3091.0625"},
    "DynamicsUsage": {"RevSumDivisionName": "Sales", "ActiveSeats": "3093.0625"},
    "PowerBIUsage": {"ActiveSeats": "3097.0625"},
    "AzureUsage": {"MeterCategory": "Disk", "UsageQuantity": "3099.0625", "TotalACR": "3101.0625"},
}
USED = [text for cells in USAGE.values() for text in cells.values() if text.endswith(".0625")]
SECRETS = [*CANARIES.values(), *USED, "2025-10-23", "canary", "Canary"]


def datasets() -> dict[str, list[dict[str, str]]]:
    ordinary = {
        **dict.fromkeys(("TotalSoldSeats", "TotalAssignedSeats"), "10"),
        **dict.fromkeys(("BilledRevenueUSD", "AzureConsumedRevenueUSD"), "1"),
        "SubscriptionEndDate": "2025-10-01",
    }
    others = [seats_row(m, c, **ordinary) for m in MONTHS for c in "bcdef"]
    canary = [seats_row(m, "canary-tpid", **{**ordinary, **CANARIES}) for m in MONTHS[1:]]
    gone = [seats_row(m, f"gone-{n}", **ordinary) for n in range(7) for m in MONTHS[:2]]
    rows = [{**dict.fromkeys(CANARIES, ""), **row} for row in others + canary + gone]
    return {"SeatsSubscriptionsAndRevenue": rows} | {name: used(name) for name in USAGE}


def used(dataset: str) -> list[dict[str, str]]:
    cells = USAGE[dataset]
    ordinary = {name: "7" if text[0] == "3" else text for name, text in cells.items()}
    rows = [usage_row(m, "canary-tpid") | cells for m in MONTHS[1:5]]
    rows += [usage_row(m, "b") | ordinary for m in MONTHS]
    foreign = {"WorkloadName", "MonthlyActiveUsers"} - cells.keys()
    return [{k: v for k, v in row.items() if k not in foreign} for row in rows]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("roles") / "here"
    with working_in(folder):
        Path("data").mkdir()
        fill_store(Path("data"), datasets())
        boss = person("boss", role="executive_report_viewer")
        write_parameters([boss, person("viewer")])
        done = insights("run", "--as-of", AS_OF, "--quiet", "--also", "xlsx")
        assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    without_browser(monkeypatch)
    return copied(made, tmp_path / "here", monkeypatch)


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as shown:
        yield shown


def all_of(folder: Path) -> str:
    """Whatever stands in the files of a folder, with what their pages have packed."""
    texts = []
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            text = file.read_bytes().decode("utf-8", errors="replace")
            texts.append(text)
            if file.suffix == ".xlsx":
                texts += texts_of(file.read_bytes())
            if file.name == "report.html":
                texts.append(json.dumps(content_of(text), ensure_ascii=False))
    return "\n".join(texts)


def texts_of(workbook: bytes) -> list[str]:
    """Whatever stands in a workbook."""
    with zipfile.ZipFile(io.BytesIO(workbook)) as book:
        return [unescape(book.read(name).decode()) for name in book.namelist()]


def found_in(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


def variant() -> Path:
    [folder] = Path("outputs/1/variants").glob(f"*/{RANGE}")
    return folder


@pytest.mark.usefixtures("here")
def test_nothing_that_is_made_for_a_report_viewer_tells_of_a_single_customer() -> None:
    assert found_in(all_of(REPORT)) == []
    assert found_in(Path("outputs/run.log").read_text(encoding="utf-8")) == []
    assert not (REPORT / "data" / "customers.csv").exists()


@pytest.mark.usefixtures("here")
def test_an_executive_report_viewer_has_a_variant_with_the_customers() -> None:
    text = all_of(variant())
    wanted = ["tpid:canary-tpid", "Canary & <b>Sons</b>", "701.5", "602.25", "2025-10-23"]
    assert [value for value in wanted if value not in text] == []
    table = (variant() / "data" / "customers.csv").read_text(encoding="utf-8")
    assert str(5 * 5003.125) in table


@pytest.mark.usefixtures("here")
def test_each_role_is_mailed_its_own_report_and_only_executives_read_names(
    server: MailServer,
) -> None:
    write_parameters(
        [person("boss", role="executive_report_viewer"), person("viewer")], server.port
    )
    assert send().exit_code == 0
    mails = {message["To"].addresses[0].username: message for message in received(server)}
    pages = {who: dict(attached(message)) for who, message in mails.items()}
    texts = {who: told(mail) + told(mail, "html") for who, mail in mails.items()}
    assert found_in(texts["viewer"]) == []
    [page] = pages["viewer"].values()
    assert page == (REPORT / "report.html").read_bytes()
    [page] = pages["boss"].values()
    assert page == (variant() / "report.html").read_bytes()
    plain = " ".join(told(mails["boss"]).split())
    assert "The largest who came: Canary & <b>Sons</b> (701.5 seats)." in plain
    left = plain.partition("The largest who left")[2]
    assert left.count("(10 seats)") == 5  # of the seven who left
    assert "<b>Sons" not in told(mails["boss"], "html")


@pytest.mark.usefixtures("here")
def test_a_report_of_the_other_role_in_a_folder_is_not_mailed(server: MailServer) -> None:
    """A run by hand with another role takes the place of the ordinary report."""
    months = ("--from", MONTHS[0], "--to", MONTHS[-1])
    role = ("--role", "executive_report_viewer")
    done = insights("run", "--partner", "1", *role, *months, "--as-of", AS_OF, "--quiet")
    assert done.exit_code == 0, done.output
    assert found_in(all_of(REPORT)) != []
    write_parameters([person("viewer")], server.port)
    assert send().exit_code == 1
    assert server.received == []


@pytest.mark.usefixtures("here")
def test_a_mail_brings_what_its_person_wants_and_no_workbook_tells_a_viewer_of_a_customer(
    server: MailServer,
) -> None:
    boss = person("boss", role="executive_report_viewer", attach=["xlsx"])
    write_parameters([boss, person("viewer", attach=["html", "xlsx"])], server.port)
    assert send().exit_code == 0
    mails = {message["To"].addresses[0].username: message for message in received(server)}
    name = f"customers-1-{RANGE}"
    assert attached(mails["boss"]) == [(f"{name}.xlsx", (variant() / "report.xlsx").read_bytes())]
    files = dict(attached(mails["viewer"]))
    assert list(files) == [f"{name}.html", f"{name}.xlsx"]
    assert found_in(" ".join(texts_of(files[f"{name}.xlsx"]))) == []
    assert "Canary & <b>Sons</b>" in found_in(" ".join(texts_of(attached(mails["boss"])[0][1])))
    for part in ("plain", "html"):
        assert f"Also attached: {name}.xlsx" in told(mails["boss"], part)
        assert "interactive report is attached" not in told(mails["boss"], part)
        assert f"{name}.html" in told(mails["viewer"], part)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("attach", "content", "reason"),
    [
        ("pdf", None, "report.pdf, which is not there (it was not asked for)"),
        ("xlsx", b"other", "report.xlsx is not sent (it is not as it was made)"),
    ],
)
def test_a_file_that_is_not_there_or_not_as_it_was_made_keeps_its_mail_back(
    attach: str, content: bytes | None, reason: str, server: MailServer
) -> None:
    write_parameters([person("viewer", attach=[attach])], server.port)
    if content:
        (REPORT / f"report.{attach}").write_bytes(content)
    sent = send()
    assert sent.exit_code == 1
    assert reason in " ".join(sent.output.split())
    assert received(server) == []
