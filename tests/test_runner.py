"""A run makes whole reports or none: real kernels, and real ways for them to end."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat
import pytest
from conftest import TOLD, fill_store, seats_row, slice_of, usage_row, write_tsv

from insights_lib import runner
from insights_lib.errors import InsightsError
from insights_lib.notebook import FACTS, inputs_of
from insights_lib.parameters import ReportSpec
from insights_lib.render import LANES
from insights_lib.runner import Outcome, Settings, run_reports
from insights_lib.sections import Card, Report, Section, write_tables

NOTEBOOKS = runner.NOTEBOOKS  # where they are; some tests put others in their place
SECTIONS = sorted(file.stem for file in NOTEBOOKS.glob("*.ipynb"))
MONTHS = ("2025-01", "2025-02", "2025-03", "2025-04")
RANGE = "2025-02_2025-04"
# A folder's name that means something to format strings, globs, URIs, SQL and shells.
ODD = "a {b} {} {0} 'q' \"d\" [x] 100% #1é$HOME"
# Makes a report with kernels that are not forked, and tells how many of them were started.
ORDINARY = f"""
import json, sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from insights_lib import runner, warm_kernels
from insights_lib.parameters import ReportSpec

runner.NOTEBOOKS, folder = map(Path, sys.argv[1:])
runner._workers = lambda settings, most: ThreadPoolExecutor(1)
warm_kernels.can_fork = lambda: False
launch, started = LocalProvisioner.launch_kernel, []

async def note(self, cmd, **kwargs):
    started.append(cmd)
    return await launch(self, cmd, **kwargs)

LocalProvisioner.launch_kernel = note
spec = ReportSpec(
    partner="1", date_range="{RANGE}", as_of=date(2030, 1, 1), store=folder / "store"
)
settings = runner.Settings(folder / "ordinary", jobs=1)
(outcome,) = runner.run_reports([spec], settings, lambda _: None)
print(json.dumps({{"failures": outcome.failures, "ordinary kernels": len(started)}}))
"""
COLUMNS = {
    "summary": "metric, value, growth_pct, month",
    "summary_trend": "month, current_customers, active_customers, subscriptions, "
    "customers_added, customers_churned",
    "summary_products": "product, customers, share_pct, growth_pct",
    "geographical_spread": "customer_market, country_code, current_customers, current_pct, "
    "active_customers, active_pct, new_customers, new_pct",
    "adds_and_churns": "product, month, existing, added, churned",
    "distribution": "dimension, value, customers, share_pct",
    "products": "product, sku, customers, share_pct",
    "distribution_trend": "dimension, value, month, customers",
    "active_customers": "month, active_customers, current_customers",
}
METRICS = (
    "current_customers, active_customers, subscriptions, customers_added, customers_churned, "
    "net_customers_added, last_month_churn, churn_rate_pct"
)
DIMENSIONS = {
    "distribution": "partner_location, customer_segment, sales_channel, pricing_model, "
    "partner_attribution",
    "distribution_trend": "customer_market, customer_segment, partner_location, product, "
    "sales_channel, pricing_model, partner_attribution",
}
SECRETS = {"INSIGHTS_API_TOKEN": "t0ken-5f3a9c", "DB_PASSWORD": "passw0rd-77b1"}


@dataclass(frozen=True)
class Run:
    """What a run was asked for and what it left."""

    outputs: Path
    outcomes: list[Outcome]

    def of(self, partner: str) -> Outcome:
        [outcome] = [outcome for outcome in self.outcomes if outcome.spec.partner == partner]
        return outcome

    def folder(self, partner: str) -> Path:
        return self.outputs / partner / RANGE

    def manifest(self, partner: str) -> dict[str, Any]:
        text = (self.folder(partner) / "manifest.json").read_text(encoding="utf-8")
        manifest: dict[str, Any] = json.loads(text)
        return manifest


def files_in(folder: Path) -> set[str]:
    return {str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()}


def spec_of(store: Path, partner: str = "1", **others: Any) -> ReportSpec:
    values = {"date_range": RANGE, "as_of": date(2030, 1, 1), **others}
    return ReportSpec(partner=partner, store=store, **values)


def run(outputs: Path, *specs: ReportSpec, jobs: int = 2, timeout: int = 120) -> Run:
    done: list[Outcome] = []
    outcomes = run_reports(specs, Settings(outputs, jobs, timeout), done.append)
    assert done == outcomes
    return Run(outputs, outcomes)


def notebook(folder: Path, name: str, *sources: str, parameters: str | None = None) -> None:
    """Write a notebook with a title, the parameters of the real ones, and code cells."""
    if parameters is None:
        parameters = nbformat.read(NOTEBOOKS / f"{SECTIONS[0]}.ipynb", 4).cells[1].source
    new = nbformat.v4
    cells = [
        new.new_markdown_cell(f"# {name}\n\nWhat is this?"),
        new.new_code_cell(parameters, metadata={"tags": ["parameters"]}),
        *map(new.new_code_cell, sources),
    ]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python", "language": "python"}}
    folder.mkdir(exist_ok=True)
    nbformat.write(new.new_notebook(cells=cells, metadata=metadata), folder / f"{name}.ipynb")


def odd_rows() -> list[dict[str, str]]:
    """Partner 1, with values that a spreadsheet would run, and partner 2, who is elsewhere."""
    rows = [seats_row(month, customer) for month in MONTHS[:3] for customer in "abc"]
    rows += [seats_row(MONTHS[3], "a", PartnerLocation="=1+1", SalesChannel="-2", SKU="+3")]
    rows += [seats_row(MONTHS[3], "a", PartnerAttributionType="@SUM(A1)", CustomerMarket="=x")]
    return rows + [seats_row(m, "z", PGAMpnId="2", PartnerLocation="Elsewhere") for m in MONTHS]


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A run of all sections for partner 1, with secrets about, in folders with odd names."""
    folder = tmp_path_factory.mktemp("complete") / ODD
    folder.mkdir()
    usage = [usage_row(month, "a") for month in MONTHS[:3]]
    store = fill_store(folder, {"SeatsSubscriptionsAndRevenue": odd_rows(), "OfficeUsage": usage})
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SECRETS.items():
            patch.setenv(name, value)
        yield run(folder / "outputs", spec_of(store, partner_name='A "B" {c}'))


def test_a_run_goes_well_in_folders_whose_names_are_full_of_braces_quotes_and_blanks(
    complete: Run,
) -> None:
    """Papermill fills in braces of paths; SQL and URIs have their own ideas."""
    assert complete.of("1").failures == ()
    assert complete.of("1").folder == complete.folder("1")
    reports = {f"1/{RANGE}/{f}" for f in files_in(complete.folder("1"))}
    assert files_in(complete.outputs) == {*reports, ".lock", "run.log"}


def test_a_report_is_the_page_the_notebooks_the_tables_and_the_manifest(complete: Run) -> None:
    notebooks = {f"notebooks/{name}.ipynb" for name in SECTIONS}
    tables = {f"data/{name}.csv" for name in COLUMNS}
    assert files_in(complete.folder("1")) == {
        "report.html",
        "manifest.json",
        *notebooks,
        *tables,
    }


def test_the_executed_notebooks_are_valid_and_hold_their_outputs(complete: Run) -> None:
    for name in SECTIONS:
        file = complete.folder("1") / "notebooks" / f"{name}.ipynb"
        executed = nbformat.read(file, as_version=4)
        nbformat.validate(executed)
        assert all(c.execution_count for c in executed.cells if c.cell_type == "code")


def rows_of(run: Run, table: str) -> list[dict[str, str]]:
    text = (run.folder("1") / "data" / f"{table}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@pytest.mark.parametrize("table", COLUMNS)
def test_a_table_has_exactly_the_columns_of_the_contract(complete: Run, table: str) -> None:
    raw = (complete.folder("1") / "data" / f"{table}.csv").read_bytes()
    assert raw.splitlines()[0].decode() == COLUMNS[table].replace(" ", "")
    for row in rows_of(complete, table):
        assert re.fullmatch(r"2025-0[2-4]", row.get("month", "2025-02"))


def test_tables_hold_whole_numbers_full_precision_and_empty_nulls(complete: Run) -> None:
    trend = rows_of(complete, "summary_trend")
    assert [row["current_customers"] for row in trend] == ["3", "3", "1"]
    assert [row["active_customers"] for row in trend] == ["1", "1", ""]
    summary = {row["metric"]: row for row in rows_of(complete, "summary")}
    assert ", ".join(summary) == METRICS
    assert summary["current_customers"]["growth_pct"] == str(100 * (1 - 3) / 3)
    assert summary["active_customers"]["month"] == "2025-03"
    assert summary["net_customers_added"]["value"] in {"-2", "-2.0"}


@pytest.mark.parametrize("table", DIMENSIONS)
def test_a_breakdown_has_every_dimension_of_the_contract(complete: Run, table: str) -> None:
    found = dict.fromkeys(row["dimension"] for row in rows_of(complete, table))
    assert set(found) == set(DIMENSIONS[table].split(", "))


def test_texts_of_an_export_reach_the_tables_as_texts(complete: Run) -> None:
    """A spreadsheet shows them as they are; numbers stay numbers, below zero too."""
    values = {row["value"] for row in rows_of(complete, "distribution")}
    assert {"'=1+1", "'-2", "'@SUM(A1)"} <= values
    assert "'+3" in {row["sku"] for row in rows_of(complete, "products")}
    assert "'=x" in {row["customer_market"] for row in rows_of(complete, "geographical_spread")}
    for table in COLUMNS:
        for row in rows_of(complete, table):
            for value in row.values():
                assert value[:1] not in {"=", "+", "@"}
                assert not value.startswith("-") or re.fullmatch(r"-\d+(\.\d+)?", value)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_text_that_a_spreadsheet_would_run_gets_a_quote_before_it(
    start: str, tmp_path: Path
) -> None:
    rows = [[f"{start}1+1", -1.5], [f"a{start}b", None]]
    card = Card("odd", "Odd", "", table={"columns": ["text", "number"], "rows": rows})
    write_tables(Report({}, [Section("odd", "Odd", "", [card])]), tmp_path)
    with (tmp_path / "odd.csv").open(encoding="utf-8", newline="") as file:
        read = list(csv.reader(file))
    assert read == [["text", "number"], [f"'{start}1+1", "-1.5"], [f"a{start}b", ""]]


def test_the_manifest_tells_what_was_asked_for_and_that_it_is_complete(complete: Run) -> None:
    manifest = complete.manifest("1")
    assert (manifest["status"], manifest["failures"]) == ("complete", [])
    assert (manifest["first"], manifest["last"]) == ("2025-02", "2025-04")
    asked = {name: manifest["parameters"][name] for name in ("partner", "partner_name", "locale")}
    assert asked == {"partner": "1", "partner_name": 'A "B" {c}', "locale": "en"}
    assert set(manifest["parameters"]) == set(TOLD)
    assert manifest["warnings"]
    assert all("2025" in sentence for sentence in manifest["warnings"])


def test_the_manifest_tells_the_inputs_by_dataset(complete: Run) -> None:
    inputs = {entry["dataset"]: entry for entry in complete.manifest("1")["inputs"]}
    seats, usage = inputs["SeatsSubscriptionsAndRevenue"], inputs["OfficeUsage"]
    assert len(inputs) == 2
    assert (seats["months"], seats["rows"]) == (list(MONTHS), 11)
    assert (usage["months"], usage["rows"]) == (list(MONTHS[:3]), 3)
    assert all(re.fullmatch(r"[0-9a-f]{64}", entry["hash"]) for entry in inputs.values())
    assert seats["hash"] != usage["hash"]


def test_the_manifest_tells_software_and_seconds_per_section(complete: Run) -> None:
    manifest = complete.manifest("1")
    assert {"papermill", "nbconvert", "pandas", "plotly", "duckdb"} <= set(manifest["software"])
    assert all(manifest["software"][name] == version(name) for name in manifest["software"])
    assert list(manifest["seconds"]) == [*SECTIONS, "data", "page"]
    assert all(seconds > 0 for seconds in manifest["seconds"].values())


def test_the_manifest_tells_where_the_seconds_went_and_leaves_none_out(complete: Run) -> None:
    manifest = complete.manifest("1")
    stages = manifest["stages"]
    assert list(stages) == ["kernel", "data", "metrics", "figures", "page"]
    assert all(seconds > 0 for seconds in stages.values())
    assert sum(stages.values()) == pytest.approx(sum(manifest["seconds"].values()), abs=0.02)
    assert dict(complete.of("1").stages) == stages


def test_no_secret_of_the_environment_is_in_any_file(complete: Run) -> None:
    for file in complete.outputs.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            for text in (*SECRETS, *SECRETS.values()):
                assert text.encode() not in content, file.name


def test_nothing_of_another_partner_is_in_any_file(complete: Run) -> None:
    for file in complete.outputs.rglob("*"):
        assert not file.is_file() or b"Elsewhere" not in file.read_bytes(), file.name


@pytest.fixture(scope="module")
def replay(complete: Run, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Cells that show again what those of a whole report showed, without a second of imports."""
    recorded = tmp_path_factory.mktemp("replay") / "shown.json"
    shown = []
    for file in sorted((complete.folder("1") / "notebooks").glob("*.ipynb")):
        for cell in nbformat.read(file, as_version=4).cells:
            outputs = [(o.data, o.metadata) for o in cell.get("outputs", [])]
            shown.append([bundle for bundle in outputs if bundle[1].get("insights")])
    shown = [outputs for outputs in shown if outputs]
    recorded.write_text(json.dumps(shown), encoding="utf-8")
    first = f"""\
import json, os, sys, threading
from IPython.display import display

def show(number):
    for data, metadata in json.load(open({str(recorded)!r}))[number]:
        own = dict(partner=partner, inputs=json.load(open(store + ".inputs")).get(partner))
        data.get({FACTS!r}, {{}}).update(own)
        display(data, metadata=metadata, raw=True)
"""
    return [first, *(f"show({number})" for number in range(len(shown)))]


def note_inputs(store: Path, *partners: str) -> None:
    """Write beside a store what replayed cells say that they read of it."""
    inputs = {p: inputs_of(slice_of(store, RANGE, partner=p)) for p in partners}
    store.with_suffix(".inputs").write_text(json.dumps(inputs), encoding="utf-8")


TIMEOUT = 10  # seconds, and time enough for a kernel to start on a busy machine

# What a cell does for the partner of that name, and words of the reason that is given.
FAILURES = {
    "hangs": (
        "open(store + '.pid', 'w').write(str(os.getpid())); threading.Event().wait()",
        f"{TIMEOUT} s",
    ),
    "cell-error": ('raise ValueError("no such\\n  thing")', "ValueError: no such"),
    "killed": ("os.kill(os.getpid(), 9)", "kernel died"),
    "os-exit": ("os._exit(0)", "kernel died"),
    "prints": ("while True: print('x' * 1_000_000)", "printed and showed more than 50 MB"),
    "shows": ("display('x' * 60_000_000)", "printed and showed more than 50 MB"),
    "sys-exit": ("sys.exit()", "SystemExit"),
    "sys-exit-0": ("sys.exit(0)", "SystemExit"),
    "tolerated": ("pass", "ZeroDivisionError"),
}
fails = pytest.mark.parametrize("partner", FAILURES)


@pytest.fixture(scope="module")
def failing(replay: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A run in which each report but two fails in its own way, after earlier complete ones."""
    folder = tmp_path_factory.mktemp("failing")
    branches = "".join(
        f"if partner == {partner!r}:\n    {code}\n" for partner, (code, _) in FAILURES.items()
    )
    tolerated = "1 / (partner != 'tolerated')"
    notebook(folder / "notebooks", "01_fine", *replay)
    notebook(folder / "notebooks", "02_fails", *replay[:2], tolerated, branches, "'the end'")
    file = folder / "notebooks" / "02_fails.ipynb"
    content = nbformat.read(file, as_version=4)
    content.cells[4].metadata["tags"] = ["raises-exception"]
    nbformat.write(content, file)
    partners = ["first", *FAILURES, "last"]
    rows = [seats_row("2025-02", "a", PGAMpnId=partner) for partner in partners]
    store = fill_store(folder, {"SeatsSubscriptionsAndRevenue": rows})
    note_inputs(store, *partners)
    for partner in partners:
        earlier = folder / "outputs" / partner / RANGE / "data"
        earlier.mkdir(parents=True)
        for name in ("report.html", "stale.txt", "data/stale.csv"):
            (earlier.parent / name).write_text("of an earlier run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "NOTEBOOKS", folder / "notebooks")
        specs = [spec_of(store, partner) for partner in ["absent", *partners]]
        yield run(folder / "outputs", *specs, timeout=TIMEOUT)


@fails
def test_a_failing_section_fails_its_report_with_section_and_reason(
    partner: str, failing: Run
) -> None:
    [(section, reason)] = failing.of(partner).failures
    words = FAILURES[partner][1]
    assert section == "02_fails"
    assert words in reason
    assert failing.manifest(partner)["status"] == "failed"
    [failure] = failing.manifest(partner)["failures"]
    assert (failure["section"], failure["reason"]) == (section, reason)


def test_a_traceback_is_in_the_manifest_and_in_the_log(failing: Run) -> None:
    [failure] = failing.manifest("cell-error")["failures"]
    log = (failing.outputs / "run.log").read_text(encoding="utf-8").splitlines()
    [line] = [one for one in map(json.loads, log) if one["partner"] == "cell-error"]
    for text in (failure["traceback"], line["tracebacks"]["02_fails"]):
        assert "ValueError: no such" in text
        assert "Traceback" in text
        assert "\x1b" not in text


@fails
def test_a_reason_is_one_line_without_frames(partner: str, failing: Run) -> None:
    [(_, reason)] = failing.of(partner).failures
    assert re.fullmatch(r"\S.*\S", reason), repr(reason)
    assert "Traceback" not in reason
    assert "\x1b" not in reason


@fails
def test_a_failed_report_has_neither_page_nor_tables_not_even_old_ones(
    partner: str, failing: Run
) -> None:
    assert failing.of(partner).folder == failing.folder(partner)
    # A kernel that is gone, or talks without end, leaves nothing to keep of its notebook.
    kept = (
        ()
        if partner in {"hangs", "killed", "os-exit", "prints", "shows"}
        else ("notebooks/02_fails.ipynb",)
    )
    expected = {"manifest.json", "notebooks/01_fine.ipynb", *kept}
    assert files_in(failing.folder(partner)) == expected


@pytest.mark.parametrize("partner", ["first", "last"])
def test_the_other_reports_of_the_run_are_complete(partner: str, failing: Run) -> None:
    assert failing.of(partner).failures == ()
    assert failing.manifest(partner)["status"] == "complete"
    assert (failing.folder(partner) / "report.html").stat().st_size > 500_000
    assert {f"data/{name}.csv" for name in COLUMNS} <= files_in(failing.folder(partner))


@pytest.mark.parametrize("partner", ["first", "last"])
def test_a_report_replaces_the_earlier_one_as_a_whole(partner: str, failing: Run) -> None:
    assert not {f for f in files_in(failing.folder(partner)) if "stale" in f}


def test_a_partner_that_the_store_does_not_know_fails_alone_and_gets_no_folder(
    failing: Run,
) -> None:
    outcome = failing.of("absent")
    [(section, reason)] = outcome.failures
    assert (section, outcome.folder) == ("", None)
    assert "absent" in reason
    assert not (failing.outputs / "absent").exists()


def test_a_run_accounts_for_every_section_and_leaves_nothing_beside_the_reports(
    failing: Run,
) -> None:
    partners = {"first", *FAILURES, "last"}
    assert len(failing.outcomes) == len(partners) + 1
    left = {entry.name for entry in failing.outputs.iterdir()}
    assert left == {*partners, ".lock", "run.log"}


def test_the_kernel_of_a_cell_that_hangs_is_ended(failing: Run) -> None:
    process = int((failing.outputs.parent / "store.pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


@pytest.fixture
def own_notebooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, complete: Run) -> Path:
    """A folder in which the runner looks for notebooks, beside a copy of the odd store."""
    shutil.copytree(complete.outputs.parent / "store", tmp_path / "store")
    note_inputs(tmp_path / "store", "1", "2")
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setattr(runner, "NOTEBOOKS", tmp_path / "notebooks")
    return tmp_path / "notebooks"


def test_a_notebook_that_lacks_a_parameter_fails_rather_than_ignores_it(
    own_notebooks: Path, replay: list[str], tmp_path: Path
) -> None:
    """Papermill only warns, and the report would show other months or customers than asked for."""
    known = [f"{name} = None" for name in TOLD if name != "filters"]
    notebook(own_notebooks, "01_lacking", *replay, parameters="\n".join(known))
    outcome = run(tmp_path / "outputs", spec_of(tmp_path / "store"), jobs=1).of("1")
    [(section, reason)] = outcome.failures
    assert section == "01_lacking"
    assert "filters" in reason
    assert "locale" not in reason


@pytest.fixture
def ingesting(own_notebooks: Path, replay: list[str], tmp_path: Path) -> ReportSpec:
    """A report whose second section opens its data after other data has been ingested."""
    later = write_tsv(tmp_path / "later.tsv", [seats_row("2025-04", "new")])
    ingest = "from insights_lib.ingest import ingest_file\nfrom pathlib import Path\n"
    ingest += f"ingest_file(Path({str(later)!r}), Path(store))"
    names = ", ".join(f"{name}={name}" for name in TOLD)
    opening = f"from insights_lib.notebook import open_report\nopen_report({names})"
    notebook(own_notebooks, "01_before", *replay)
    notebook(own_notebooks, "02_after", ingest, opening)
    return spec_of(tmp_path / "store", partner_name='A "B" {c}')


def test_all_sections_see_the_same_data_whatever_is_ingested_between_them(
    ingesting: ReportSpec, tmp_path: Path
) -> None:
    result = run(tmp_path / "outputs", ingesting, jobs=1)
    assert result.of("1").failures == ()
    before = json.loads(ingesting.store.with_suffix(".inputs").read_text(encoding="utf-8"))["1"]
    assert result.manifest("1")["inputs"] == before
    assert inputs_of(slice_of(ingesting.store, RANGE)) != before


def test_sections_that_have_to_open_their_data_themselves_do_not_mix_it(
    ingesting: ReportSpec, tmp_path: Path
) -> None:
    """In a folder with a question mark no slice can be saved for them."""
    outcome = run(tmp_path / "what?", ingesting, jobs=1).of("1")
    [(_, reason)] = outcome.failures
    assert "02_after" in reason
    assert "ingested during the run" in reason
    assert {".lock", "run.log", "01_before.ipynb", "02_after.ipynb", "manifest.json"} == {
        Path(name).name for name in files_in(tmp_path / "what?")
    }


def test_a_section_that_speaks_of_another_partner_fails_the_report(
    own_notebooks: Path, replay: list[str], tmp_path: Path
) -> None:
    """A notebook with a partner written into it would put its numbers into every folder.

    Partner 1 gets one that opens partner 3, partner 2 one that opens partner 3 after its own.
    """
    own = "partner == '2' and show(0)"
    notebook(own_notebooks, "01_other", replay[0], own, "partner = '3'", *replay[1:])
    store = tmp_path / "store"
    result = run(tmp_path / "outputs", spec_of(store, "1"), spec_of(store, "2"), jobs=1)
    for partner in ("1", "2"):
        assert result.of(partner).failures != (), partner
        assert not (result.folder(partner) / "report.html").exists()
        assert not (result.folder(partner) / "data").exists()


def test_a_report_that_cannot_move_to_its_place_fails_alone(
    own_notebooks: Path, replay: list[str], tmp_path: Path
) -> None:
    """Its folder may be another user's, or open in a program that locks it."""
    notebook(own_notebooks, "01_fine", *replay)
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "1").write_text("not a folder")
    store = tmp_path / "store"
    result = run(tmp_path / "outputs", spec_of(store, "1"), spec_of(store, "2"), jobs=1)
    assert result.of("1").failures != ()
    assert result.of("2").failures == ()
    assert result.manifest("2")["status"] == "complete"


def test_without_any_notebook_no_report_is_taken_for_done(
    own_notebooks: Path, tmp_path: Path
) -> None:
    """As when the package is installed without the notebooks folder of the repository."""
    with pytest.raises(InsightsError, match="notebook"):
        run(tmp_path / "outputs", spec_of(tmp_path / "store"))


def test_the_largest_report_is_made_first_and_the_same_months_only_once(
    own_notebooks: Path, replay: list[str], tmp_path: Path
) -> None:
    """Partner 1 has more rows than partner 2; a preset and its months are one folder."""
    notebook(own_notebooks, "01_fine", *replay)
    store = tmp_path / "store"
    named = {"date_range": "last_3_months", "as_of": date(2025, 5, 1)}
    result = run(
        tmp_path / "outputs", spec_of(store, "2"), spec_of(store), spec_of(store, **named), jobs=1
    )
    assert [outcome.spec.partner for outcome in result.outcomes] == ["1", "2"]
    assert [outcome.failures for outcome in result.outcomes] == [(), ()]


def test_a_report_that_takes_too_long_fails_with_the_sections_that_are_not_done(
    own_notebooks: Path, replay: list[str], tmp_path: Path
) -> None:
    """Each lane has a section that waits; the last one finds no time left to begin in."""
    for number in range(LANES):
        notebook(own_notebooks, f"0{number}_waits", "import time; time.sleep(600)")
    notebook(own_notebooks, "09_fine", *replay)
    settings = Settings(tmp_path / "outputs", jobs=1, section_timeout=500, report_timeout=3)
    (outcome,) = run_reports([spec_of(tmp_path / "store")], settings, lambda _: None)
    late = "the report took more than 3 seconds"
    sections = [*(f"0{number}_waits" for number in range(LANES)), "09_fine"]
    assert outcome.failures == tuple((name, late) for name in sections)


def test_the_same_data_makes_the_same_page(
    own_notebooks: Path, replay: list[str], tmp_path: Path
) -> None:
    notebook(own_notebooks, "01_fine", *replay)
    pages = set()
    for name in ("one", "two", "three"):
        result = run(tmp_path / name, spec_of(tmp_path / "store"), jobs=1)
        folder = result.of("1").folder
        assert folder
        pages.add((folder / "report.html").read_bytes())
    assert len(pages) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="open files are counted in /proc")
def test_a_worker_has_no_more_files_open_after_many_reports(
    own_notebooks: Path, replay: list[str], tmp_path: Path
) -> None:
    count = """\
worker = int(open(f"/proc/{os.getppid()}/stat").read().rsplit(")", 1)[1].split()[1])
with open(store + ".files", "a") as files:
    print(len(os.listdir(f"/proc/{worker}/fd")), file=files)
"""
    notebook(own_notebooks, "01_fine", replay[0], count, *replay[1:])
    months = [f"2025-0{first}_2025-04" for first in (1, 2, 3, 4)]
    months += ["2025-02_2025-03", "2025-03_2025-03", "2025-02_2025-02"]
    specs = [spec_of(tmp_path / "store", date_range=text) for text in months]
    run(tmp_path / "outputs", *specs, jobs=1)
    counts = [int(line) for line in (tmp_path / "store.files").read_text().split()]
    assert len(counts) == len(months)
    assert max(counts) <= counts[0] + 3  # the event loop of one report


def test_without_forks_ordinary_kernels_make_the_same_report(
    own_notebooks: Path, tmp_path: Path
) -> None:
    """In a process of its own, which makes the report itself."""
    for name in ("01_summary", "06_distribution_trend"):
        shutil.copy(NOTEBOOKS / f"{name}.ipynb", own_notebooks)
    warm = run(tmp_path / "warm", spec_of(tmp_path / "store")).of("1").folder
    program = [sys.executable, "-c", ORDINARY, str(own_notebooks), str(tmp_path)]
    told = subprocess.run(program, capture_output=True, text=True, check=True)
    assert json.loads(told.stdout) == {"failures": [], "ordinary kernels": 2}
    assert warm
    for name in ("report.html", "data/summary.csv", "data/distribution_trend.csv"):
        assert (tmp_path / "ordinary/1" / RANGE / name).read_bytes() == (warm / name).read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux alone")
@pytest.mark.parametrize("victim", ["os.getpid()", "os.getppid()", "worker"])
def test_what_was_killed_once_is_tried_again(
    victim: str, own_notebooks: Path, replay: list[str], tmp_path: Path
) -> None:
    """The kernel, its warm parent, or the process above them."""
    kill = f"""\
worker = int(open(f"/proc/{{os.getppid()}}/stat").read().rsplit(")", 1)[1].split()[1])
if not os.path.exists(store + ".killed"):
    open(store + ".killed", "w").close()
    os.kill({victim}, 9)
"""
    notebook(own_notebooks, "01_fine", replay[0], kill, *replay[1:])
    result = run(tmp_path / "outputs", spec_of(tmp_path / "store"), jobs=1)
    assert result.of("1").failures == ()
    assert (tmp_path / "store.killed").exists()


def test_no_notebook_knows_how_mail_is_sent(
    own_notebooks: Path, replay: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSIGHTS_SMTP_PASSWORD", "passw0rd-12c4")
    monkeypatch.setenv("FOR_NOTEBOOKS", "a setting of theirs")
    notebook(own_notebooks, "01_fine", "import os; print(sorted(os.environ.items()))", *replay)
    assert not run(tmp_path / "outputs", spec_of(tmp_path / "store"), jobs=1).of("1").failures
    executed = (tmp_path / "outputs/1" / RANGE / "notebooks/01_fine.ipynb").read_text()
    assert "a setting of theirs" in executed
    assert "INSIGHTS_SMTP" not in executed
    assert "passw0rd-12c4" not in executed


def test_a_reason_and_its_traceback_have_an_end(
    own_notebooks: Path, replay: list[str], tmp_path: Path
) -> None:
    notebook(own_notebooks, "01_long", *replay, "raise ValueError('x' * 3_000_000)")
    outcome = run(tmp_path / "outputs", spec_of(tmp_path / "store"), jobs=1).of("1")
    [(_, reason)] = outcome.failures
    assert reason.startswith("ValueError: xxx")
    assert len(reason) < 3_000
    assert (tmp_path / "outputs" / "run.log").stat().st_size < 300_000
    assert (tmp_path / "outputs/1" / RANGE / "manifest.json").stat().st_size < 300_000
