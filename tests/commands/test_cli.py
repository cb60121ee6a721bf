"""The program: its options, its exit statuses, and one sentence for whatever goes wrong."""

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import Result

from insights_lib import cli
from insights_lib.commands import options
from insights_lib.errors import ParameterError
from insights_lib.outputs import Outputs
from insights_lib.parameters.spec import ReportSpec
from insights_lib.run import run as runs
from insights_lib.run.plan import NOTEBOOKS, PlannedReport
from insights_lib.run.reports import Settings
from insights_lib.run.request import RenderResult
from insights_lib.store.catalog import writing
from tests.support.mailing import insights
from tests.support.processes import completed
from tests.support.rows import fill_store, seats_row, write_tsv

OPTIONS = {
    "demo": "--to --partners --customers --months --seed --debug",
    "ingest": "--store --debug",
    "run": "--partner --range --from --to --as-of --filter --locale --store --outputs "
    "--parameters --jobs --debug",
}
DEFAULTS = {
    "demo": {"to": "data/exports", "partners": 3, "customers": 400, "months": 25, "seed": 1},
    "ingest": {"store": "data/store"},
    "run": {"store": "data/store", "outputs": "outputs", "parameters": "parameters"},
}
REPORTS = """\
partners:
  - id: "1"
  - id: "2"
    ranges: [last_3_months, 2025-01_2025-02]
    locale: sv
    filters: {product: [Azure]}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def sentences(result: Result) -> list[str]:
    """What stands on stderr, which is no traceback and repeats nothing."""
    assert "Traceback" not in result.stderr
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    lines = result.stderr.splitlines()
    assert len(set(lines)) == len(lines)
    return lines


def the_sentence(result: Result) -> str:
    """The only line on stderr: a sentence, not the words of a program error."""
    [sentence] = sentences(result)
    assert re.fullmatch(r"\S.*[.?]", sentence), sentence
    return sentence


def reports_file(text: str) -> None:
    Path("parameters").mkdir()
    Path("parameters/reports.yml").write_text(text, encoding="utf-8")


def empty_store(folder: str) -> None:
    with writing(Path(folder)):
        pass


@dataclass
class Asked:
    """What reached the runner, which was not run."""

    specs: list[ReportSpec]
    settings: Settings | None = None

    @property
    def spec(self) -> ReportSpec:
        [spec] = self.specs
        return spec


@pytest.fixture
def asked(here: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Put a note-taker in the runner's place, beside a store: every report is done at once."""
    notes = Asked([])
    empty_store("data/store")

    def note(
        planned: Sequence[PlannedReport],
        settings: Settings,
        on_report: Callable[[RenderResult], None],
    ) -> list[RenderResult]:
        notes.specs, notes.settings = [one.spec for one in planned], settings
        folder = settings.outputs.folder
        done = [RenderResult(spec, folder / spec.partner / "range") for spec in notes.specs]
        for result in done:
            on_report(result)
        return done

    monkeypatch.setattr(runs, "run_reports", note)
    return notes


# --- Help


@pytest.mark.parametrize("command", OPTIONS)
def test_help_lists_every_option_of_the_contract_and_explains_it(command: str) -> None:
    result = insights(command, "--help")
    assert result.exit_code == 0
    for option in OPTIONS[command].split():
        explained = re.search(rf"{option}\b[^\n]*?  +[^\n]*[a-z]{{3}}[^\n]*\.", result.stdout)
        assert explained, f"{option} is not explained"


@pytest.mark.parametrize("command", DEFAULTS)
def test_a_command_has_the_defaults_of_the_contract(command: str) -> None:
    parsed = typer.main.get_command(cli.app).commands[command]
    defaults = {p.name: p.default for p in parsed.params if p.name in DEFAULTS[command]}
    expected = {name: str(value) for name, value in DEFAULTS[command].items()}
    assert {name: str(value) for name, value in defaults.items()} == expected


def test_help_of_the_program_lists_the_commands_in_the_order_of_the_data() -> None:
    result = insights("--help")
    positions = [result.stdout.index(f" {command} ") for command in OPTIONS]
    assert positions == sorted(positions)


# --- Wrong calls: exit status 2, and nothing was run

WRONG_CALLS = {
    "run --unknown": "--unknown",
    "run --jobs 0": "--jobs",
    "run --jobs many": "--jobs",
    "demo --customers 0": "--customers",
    "ingest": "paths",
    "frobnicate": "frobnicate",
}


@pytest.mark.parametrize("call", WRONG_CALLS)
def test_a_call_that_the_program_does_not_know_is_refused(call: str, asked: Asked) -> None:
    result = insights(*call.split())
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr
    assert WRONG_CALLS[call] in result.stderr
    assert asked.specs == []


WRONG_VALUES = {
    "--range last_2_months": ["'last_2_months'", "last_3_months", "2025-01_2025-12"],
    "--from 2025-01": ["--from", "--to", "both"],
    "--to 2025-01": ["--from", "--to", "both"],
    "--from 2025-03 --to 2025-01": ["ends before it begins"],
    "--from 2025-13 --to 2026-01": ["2025-13"],
    "--from 2025 --to 2026": ["2025_2026"],
    "--from 0001-01 --to 0001-03": ["0001-01"],
    "--range last_3_months --from 2025-01 --to 2025-02": ["--range", "--from", "one of them"],
    "--as-of yesterday": ["'yesterday'", "2026-01-15"],
    "--filter Azure": ["'Azure'", "facet=value"],
    "--filter produkt=Azure": ["'produkt'", "did you mean 'product'?"],
    "--filter product=": ["'product='", "facet=value"],
    "--locale da": ["'da'", "en, sv, de, fr"],
    "--partner ../2": ["'../2'", "allowed"],
}


@pytest.mark.parametrize("options", WRONG_VALUES)
def test_a_wrong_value_is_told_in_one_sentence_and_nothing_is_run(
    options: str, asked: Asked
) -> None:
    reports_file(REPORTS)
    result = insights("run", *options.split())
    assert result.exit_code == 2
    assert asked.settings is None
    sentence = the_sentence(result)
    assert all(word in sentence for word in WRONG_VALUES[options]), sentence
    assert not Path("outputs").exists()


def test_debug_lets_through_what_otherwise_becomes_a_sentence(here: Path) -> None:
    """So that Python shows it with its frames."""
    wrong = ["run", "--partner", "1", "--locale", "da"]
    sentence = the_sentence(insights(*wrong))
    result = insights(*wrong, "--debug")
    assert isinstance(result.exception, ParameterError)
    assert (str(result.exception), result.stderr) == (sentence, "")
    assert result.exit_code != 0


# --- Parameter files

BROKEN_FILES = {
    'partners: [{id: "1", locales: en}]': ["reports.yml", "'locales'", "'locale'"],
    'partner: [{id: "1"}]': ["reports.yml", "'partner'", "'partners'"],
    "partners: [{id: 1234567}]": ["partners", "1234567", "quotes"],
    "partners: [{name: Fabrikam}]": ["partners", "id"],
    'partners: [{id: "1", ranges: [last_2_months]}]': ["ranges", "'last_2_months'"],
    'partners: [{id: "1", ranges: last_3_months}]': ["ranges"],
    'partners: [{id: "1", filters: {produkt: [Azure]}}]': ["'produkt'", "'product'"],
    'partners: [{id: "1", filters: {product: Azure}}]': ["filters", "product"],
    'partners: [{id: "1", locale: da}]': ["locale", "'da'", "en, sv, de, fr"],
    'partners: [{id: "a/b"}]': ["'a/b'", "allowed"],
    'partners: [{id: "1"}, {id: "1", locale: sv}]': ["1", "twice"],
    'partners: [{id: "1", ranges: []}]': ["ranges"],
    'active_states: []\npartners: [{id: "1"}]': ["active_states"],
    'section_timeout_seconds: 0\npartners: [{id: "1"}]': ["section_timeout_seconds"],
    "partners: []": ["no partner"],
    "partners: [": ["reports.yml", "YAML"],
    "just a text": ["reports.yml", "partners:"],
    "": ["reports.yml", "partners:"],
}


@pytest.mark.parametrize("text", BROKEN_FILES)
def test_a_broken_parameter_file_is_told_in_one_sentence_and_nothing_is_run(
    text: str, asked: Asked
) -> None:
    reports_file(text)
    result = insights("run")
    assert result.exit_code == 2
    assert asked.settings is None
    sentence = the_sentence(result)
    assert all(word in sentence for word in BROKEN_FILES[text]), sentence


def test_a_broken_parameter_file_is_refused_even_if_the_call_says_it_all(asked: Asked) -> None:
    reports_file("partner: []")
    assert insights("run", "--partner", "1").exit_code == 2
    assert asked.settings is None


def test_without_parameter_file_and_partner_there_is_nothing_to_run(asked: Asked) -> None:
    result = insights("run")
    assert result.exit_code == 2
    assert "reports.yml" in the_sentence(result)


# --- What is asked for


def test_run_alone_renders_every_partner_and_range_of_the_parameter_file(asked: Asked) -> None:
    reports_file(f"section_timeout_seconds: 7\n{REPORTS}")
    result = insights("run")
    assert result.exit_code == 0
    assert [(s.partner, s.date_range, s.locale) for s in asked.specs] == [
        ("1", "last_12_months", "en"),
        ("2", "last_3_months", "sv"),
        ("2", "2025-01_2025-02", "sv"),
    ]
    assert [s.filters.texts() for s in asked.specs] == [[], ["product=Azure"], ["product=Azure"]]
    outputs = Outputs(Path.cwd() / "outputs")
    assert asked.settings == Settings(outputs, os.cpu_count() or 1, 7)


def test_run_names_every_report_on_stdout(asked: Asked) -> None:
    result = insights("run", "--partner", "1", "--partner", "2", "--outputs", "elsewhere")
    pages = [Path.cwd() / "elsewhere" / p / "range" / "report.html" for p in ("1", "2")]
    assert result.stdout.splitlines() == [str(page) for page in pages]


def test_partner_restricts_the_run_and_may_name_one_that_the_file_does_not(
    asked: Asked,
) -> None:
    reports_file(REPORTS)
    assert insights("run", "--partner", "9", "--partner", "2").exit_code == 0
    assert [s.partner for s in asked.specs] == ["9", "2", "2"]
    assert [s.locale for s in asked.specs] == ["en", "sv", "sv"]


def test_a_partner_that_is_named_twice_is_rendered_once(asked: Asked) -> None:
    assert insights("run", "--partner", "1", "--partner", "1").exit_code == 0
    assert asked.spec.partner == "1"


def test_partner_needs_no_parameter_file(asked: Asked) -> None:
    assert insights("run", "--partner", "1").exit_code == 0
    assert (asked.spec.partner, asked.spec.date_range) == ("1", "last_12_months")


@pytest.mark.parametrize(
    ("options", "date_range"),
    [
        ("--range last_3_months", "last_3_months"),
        ("--range 2025-01_2025-03", "2025-01_2025-03"),
        ("--from 2025-01 --to 2025-03", "2025-01_2025-03"),
        ("--to 2025-03 --from 2025-03", "2025-03_2025-03"),
    ],
)
def test_the_range_of_the_call_replaces_those_of_the_file(
    options: str, date_range: str, asked: Asked
) -> None:
    reports_file(REPORTS)
    assert insights("run", *options.split()).exit_code == 0
    assert [(s.partner, s.date_range) for s in asked.specs] == [
        ("1", date_range),
        ("2", date_range),
    ]


def test_filters_of_the_call_replace_those_of_the_file_and_may_repeat(asked: Asked) -> None:
    """The same facet twice means either value; a value may hold `=`, commas and blanks."""
    reports_file(REPORTS)
    filters = ("product=Azure", "sales_channel=a=b, c", "product=Office 365")
    assert insights("run", *(w for f in filters for w in ("--filter", f))).exit_code == 0
    chosen = {"product": ["Azure", "Office 365"], "sales_channel": ["a=b, c"]}
    assert [s.filters.chosen() for s in asked.specs] == [chosen] * 3


def test_the_other_options_reach_every_report(asked: Asked) -> None:
    reports_file(REPORTS)
    empty_store("s")
    options = "--as-of 2025-06-30 --locale en --store s --outputs o --jobs 3"
    assert insights("run", *options.split()).exit_code == 0
    for spec in asked.specs:
        assert (str(spec.as_of), spec.locale) == ("2025-06-30", "en")
        assert spec.store == Path.cwd() / "s"
    assert asked.settings == Settings(Outputs(Path.cwd() / "o"), 3, 600)


# --- Failures

FAILED = (("02_x", "ValueError: no"), ("03_y", "its kernel died"))


def test_a_failed_report_is_told_with_partner_months_section_and_reason(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = runs.run_reports

    def fail(*arguments: Any) -> list[RenderResult]:
        first, second, third = note(*arguments)
        lost = replace(third, folder=None, failures=(("", "it is not there."),))
        return [first, replace(second, failures=FAILED), lost]

    monkeypatch.setattr(runs, "run_reports", fail)
    result = insights("run", "--partner", "1", "--partner", "2", "--partner", "3")
    assert result.exit_code == 1
    assert [line for line in sentences(result) if line.startswith("failed")] == [
        "failed: partner 2, range, section 02_x: ValueError: no",
        "failed: partner 2, range, section 03_y: its kernel died",
        "failed: partner 3: it is not there.",
    ]
    assert result.stdout.splitlines() == [str(Path.cwd() / "outputs/1/range/report.html")]


def test_a_report_asked_for_by_hand_comes_alone(asked: Asked) -> None:
    """Not with those of the people of recipients.yml, to whom it would not be mailed."""
    reports_file(REPORTS)
    person = {"address": "anna@example.com", "locations": ["Oslo"]}
    recipients = {
        "sender": "a@example.com",
        "allowed_domains": ["example.com"],
        "smtp": {"host": "x", "port": 25, "security": "tls"},
        "partners": {"1": [person]},
    }
    Path("parameters/recipients.yml").write_text(json.dumps(recipients), encoding="utf-8")
    insights("run", "--partner", "1")
    assert len(asked.specs) == 2
    for option in (
        ["--range", "last_3_months"],
        ["--from", "2025-01", "--to", "2025-02"],
        ["--filter", "product=Azure"],
        ["--locale", "sv"],
    ):
        insights("run", "--partner", "1", *option)
        assert [spec.variant for spec in asked.specs] == [""]


def test_what_a_reader_should_know_is_told_to_the_operator_too(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = runs.run_reports

    def warned(*arguments: Any) -> list[RenderResult]:
        return [replace(one, warnings=("No data on x.",)) for one in note(*arguments)]

    monkeypatch.setattr(runs, "run_reports", warned)
    result = insights("run", "--partner", "1")
    assert result.exit_code == 0
    assert "note: partner 1, range: No data on x." in sentences(result)


def test_a_notebook_that_is_not_a_section_is_told_once(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("notebooks").mkdir()
    for name in ("08_seats", "Untitled"):
        Path(f"notebooks/{name}.ipynb").touch()
    monkeypatch.setattr("insights_lib.run.plan.NOTEBOOKS", Path("notebooks"))
    result = insights("run", "--partner", "1", "--partner", "2")
    assert result.exit_code == 0
    [note] = [line for line in sentences(result) if line.startswith("note: ")]
    assert note.startswith("note: notebooks/Untitled.ipynb is not named like a section")


def test_the_notebooks_of_the_project_are_run_without_a_word(asked: Asked) -> None:
    result = insights("run", "--partner", "1")
    assert not [line for line in sentences(result) if line.startswith("note: ")]


def odd_store(store: Path) -> None:
    """A store with partners 1 and 2, of which the newest month of 2 is odd."""
    rows = [seats_row("2025-01", "a", PGAMpnId=partner) for partner in "12"]
    fill_store(store.parent, {"seats": rows})
    with writing(store) as catalog:
        catalog.execute("UPDATE parts SET month = '2025-13-01' WHERE account = '2'")


def test_a_partner_that_cannot_be_planned_is_a_failure_of_its_own(here: Path) -> None:
    Path("data").mkdir()
    odd_store(Path("data/store"))
    reports_file('partners: [{id: "2"}, {id: "1"}]')
    result = insights("status", "--json")
    assert result.exit_code == 1
    assert sentences(result) == []
    odd, fine = json.loads(result.stdout)
    assert (odd["partner"], odd["state"]) == ("2", "failed")
    assert odd["why"].startswith("ValueError: ")
    assert (fine["partner"], fine["state"]) == ("1", "never run")
    result = insights("run", "--partner", "2")
    assert result.exit_code == 1
    assert [line for line in sentences(result) if line.startswith("failed: ")] == [
        f"failed: partner 2: {odd['why']}"
    ]
    [line] = Path("outputs/run.log").read_text(encoding="utf-8").splitlines()
    assert "Traceback" in json.loads(line)["tracebacks"][""]


@pytest.mark.parametrize("option", ["--outputs", "--store", "--parameters"])
def test_a_file_in_place_of_a_folder_is_told(option: str, here: Path) -> None:
    Path("file").touch()
    result = insights("run", "--partner", "1", option, "file")
    assert result.exit_code == 2
    # A store can be a URL, so that only the store itself can tell.
    assert ("give the folder of a store" if option == "--store" else option) in result.stderr
    assert "file" in result.stderr


def test_a_damaged_store_is_told_in_one_sentence(here: Path) -> None:
    store = here / "store"
    store.mkdir()
    (store / "catalog.sqlite").write_text("this is no database, but long enough to be one" * 99)
    result = insights("run", "--partner", "1", "--partner", "2", "--store", "store")
    assert result.exit_code == 2
    sentence = the_sentence(result)
    assert "catalog.sqlite: cannot be read (file is not a database)" in sentence
    assert "delete the store and ingest all exports again" in sentence


def test_a_damaged_store_takes_in_no_export(here: Path) -> None:
    write_tsv(here / "a.tsv", [seats_row("2025-01", "a")])
    (here / "store").mkdir()
    (here / "store" / "catalog.sqlite").write_text("this is no database, but long enough" * 99)
    result = insights("ingest", "a.tsv", "--store", "store")
    assert result.exit_code in {1, 2}
    assert "store" in the_sentence(result)


# --- Real runs


# The program with few notebooks, enough for a page: the others take time and add nothing here.
PROGRAM = """
import sys
from pathlib import Path
from insights_lib.run import plan
if __name__ == "__main__":
    plan.NOTEBOOKS = Path(sys.argv.pop(1))
    from insights_lib.cli import app
    app()
"""


@pytest.mark.kernels
def test_a_partner_that_the_store_does_not_know_leaves_the_others_rendered(here: Path) -> None:
    """A run from a plain folder: exit status 1, the other report there, one sentence on stderr."""
    few = here / "notebooks"
    few.mkdir()
    for name in ("01_summary", "06_distribution_trend"):
        shutil.copy(NOTEBOOKS / f"{name}.ipynb", few)
    rows = [seats_row(month, "a") for month in ("2025-01", "2025-02", "2025-03")]
    (here / "data").mkdir()
    fill_store(here / "data", {"SeatsSubscriptionsAndRevenue": rows})
    reports_file('ranges: [last_3_months]\npartners: [{id: "0"}, {id: "1"}, {id: "7654321"}]')
    (here / "program.py").write_text(PROGRAM)
    command = [sys.executable, "program.py", str(few), "run", "--jobs", "1"]
    run = completed(command, expected=1, cwd=here)
    report = here / "outputs" / "1" / "2025-01_2025-03" / "report.html"
    assert run.stdout.splitlines() == [str(report)]
    assert report.exists()
    failed = [line for line in run.stderr.splitlines() if line.startswith("failed")]
    assert len(failed) == 2
    assert "7654321" in failed[1]
    assert "It holds: 1." in failed[1]
    assert "Traceback" not in run.stderr
    assert "leaked" not in run.stderr
    made = {".lock", "run.log", "index.html", "1"}
    assert {p.name for p in (here / "outputs").iterdir()} == made
    assert run.stderr.splitlines()[-1].endswith(str(here / "outputs" / "index.html"))


def test_without_a_store_nothing_is_run_and_the_sentence_says_what_to_do(here: Path) -> None:
    result = insights("run", "--partner", "1", "--partner", "2")
    assert result.exit_code == 2
    assert "insights ingest" in the_sentence(result)
    assert not (here / "outputs").exists()


# --- Demo and ingest


def test_demo_and_ingest_work_with_their_defaults(here: Path) -> None:
    assert insights("demo", "--partners", "1", "--customers", "5", "--months", "2").exit_code == 0
    result = insights("ingest", "data/exports")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert (here / "data" / "store" / "catalog.sqlite").exists()
    lines = result.stdout.splitlines()
    assert len([line for line in lines if "rows in" in line]) == 8
    for line in lines:
        counts = re.search(r"([\d,]+) rows in, ([\d,]+) kept, ([\d,]+) rejected", line)
        assert counts is None or counts[1] == counts[2]


def test_a_refused_export_is_told_and_the_others_are_ingested(here: Path) -> None:
    """The ones before it and the ones after it."""
    write_tsv(here / "a.tsv", [seats_row("2025-01", "a")])
    (here / "b.tsv").write_text("<html><body>Sign in</body></html>")
    write_tsv(here / "c.tsv", [seats_row("13/1/2025", "c")])
    write_tsv(here / "d.tsv", [seats_row("2025-02", "d")])
    result = insights("ingest", "a.tsv", "b.tsv", "c.tsv", "d.tsv")
    assert result.exit_code == 1
    page, month = sentences(result)
    assert page.startswith("refused: b.tsv")
    assert "web page" in page
    assert month.startswith("refused: c.tsv, line 2")
    assert "13/1/2025" in month
    told = [line for line in result.stdout.splitlines() if "rows in" in line]
    assert [line.split(":")[0] for line in told] == ["a.tsv", "d.tsv"]


def test_rejected_rows_are_told_with_their_line(here: Path) -> None:
    nobody = seats_row("2025-01", "", CustomerName="")
    write_tsv(here / "a.tsv", [seats_row("2025-01", "a"), nobody])
    result = insights("ingest", "a.tsv")
    assert result.exit_code == 0
    assert "2 rows in, 1 kept, 1 rejected" in result.stdout
    assert "line 3 rejected" in result.stdout


def test_a_path_that_is_not_there_is_a_wrong_call(here: Path) -> None:
    write_tsv(here / "a.tsv", [seats_row("2025-01", "a")])
    result = insights("ingest", "a.tsv", "nowhere")
    assert result.exit_code == 2
    assert "nowhere" in the_sentence(result)
    assert not (here / "data").exists()


def test_a_folder_without_files_is_a_wrong_call(here: Path) -> None:
    (here / "empty").mkdir()
    result = insights("ingest", "empty")
    assert result.exit_code == 2
    assert "empty" in the_sentence(result)


def test_a_folder_that_cannot_be_made_is_told_in_one_sentence(here: Path) -> None:
    (here / "taken").write_text("a file")
    result = insights("demo", "--to", "taken/exports", "--partners", "1", "--customers", "2")
    assert result.exit_code in {1, 2}
    [sentence] = sentences(result)
    assert "taken" in sentence


def test_a_program_that_reads_a_table_has_a_line_for_each_row(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [{"who": "漢字", "why": "two\nlines\x07"}, {"who": "a", "why": ""}]
    options.show(rows, ("who", "why"))
    assert capsys.readouterr().out.splitlines() == [
        " who   why       ",
        " 漢字  two lines ",
        " a               ",
    ]


def test_help_of_forget_tells_of_keys_as_the_list_of_customers_shows_them() -> None:
    assert "tpid:0012345" in insights("forget", "--help").stdout
