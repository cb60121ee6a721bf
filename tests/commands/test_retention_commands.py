"""`insights prune` and `forget`, as somebody who cares for the data calls them."""

import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from insights_lib.mail.ledger import Delivery, ledger
from tests.support.mailing import insights, sentences
from tests.support.manifests import manifest_of
from tests.support.rows import fill_store, seats_row

OLD = datetime.now(UTC) - timedelta(days=40)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store, two reports that a run could have left, a ledger and messages of a dry run."""
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    rows = [seats_row("2025-01", "a"), seats_row("2025-01", "b")]
    fill_store(Path("data"), {"SeatsSubscriptionsAndRevenue": rows})
    Path("parameters").mkdir()
    text = "retention: {reports_days: 30, ledger_days: 35}\npartners: [{id: '1'}]"
    Path("parameters/reports.yml").write_text(text, encoding="utf-8")
    for months, finished in (("old", OLD), ("young", datetime.now(UTC))):
        folder = Path("outputs/1") / months
        folder.mkdir(parents=True)
        manifest_of(finished_at=finished).write(folder)
        (folder / "report.html").write_text("a", encoding="utf-8")
    for moment in (OLD, datetime.now(UTC)):
        with Path("outputs/run.log").open("a", encoding="utf-8") as log:
            log.write(json.dumps({"time": moment.isoformat(), "tracebacks": str(moment)}) + "\n")
    with Path("outputs/run.log").open("a", encoding="utf-8") as log:
        log.write('{"time": "2025-')  # by a run that was killed
    message = Path("outputs/_dry-run/1/old/a@example.com.eml")
    message.parent.mkdir(parents=True)
    message.write_text("report", encoding="utf-8")
    with ledger(Path("outputs/ledger.sqlite")) as book:
        for name, moment in (("old", OLD), ("young", datetime.now(UTC))):
            book.claim([Delivery("1", name, "", f"{name}@example.com", "v")], "<1@x>", moment)
    return tmp_path


def left() -> set[str]:
    return {str(f) for f in Path("outputs").rglob("*") if f.suffix in {".html", ".eml"}}


def recipients() -> set[str]:
    rows = json.loads(insights("history", "--json").stdout)
    return {row["recipient"] for row in rows}


def test_prune_deletes_what_is_old_and_says_so(here: Path) -> None:
    result = insights("prune")
    assert (result.exit_code, sentences(result)) == (0, [])
    assert left() == {"outputs/1/young/report.html"}
    assert recipients() == {"young@example.com"}
    [line] = Path("outputs/run.log").read_text(encoding="utf-8").splitlines()
    assert str(OLD) not in line
    assert stat.S_IMODE(Path("outputs/run.log").stat().st_mode) == 0o640
    assert result.stdout.splitlines() == [
        "deleted: outputs/1/old",
        "deleted: 2 lines of the log of runs",
        "deleted: names and addresses of 1 mails",
    ]


def test_prune_waits_for_nothing_and_makes_nothing_where_nothing_is(here: Path) -> None:
    os.replace("outputs", "elsewhere")  # noqa: PTH105 - the test is about folders by name
    result = insights("prune")
    assert (result.exit_code, result.stdout) == (0, "")
    assert not Path("outputs/ledger.sqlite").exists()


def test_forget_leaves_no_report_and_no_message_with_the_customer(here: Path) -> None:
    result = insights("forget", "--customer", "a")
    assert (result.exit_code, sentences(result)) == (0, [])
    assert left() == set()
    assert "1 with it as top parent id" in result.stdout
    assert result.stdout.count("stale: ") == 2
    assert "still in the export file SeatsSubscriptionsAndRevenue.tsv" in result.stdout
    again = insights("forget", "--customer", "a")
    assert again.exit_code == 2
    [sentence] = sentences(again)
    assert "no customer has the key 'a'" in sentence
