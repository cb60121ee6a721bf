"""A whole report: its page, notebooks, tables and manifest, all of the same data."""

import csv
import json
import re
from importlib.metadata import version
from pathlib import Path

import nbformat
import pytest

from insights_lib.notebook import inputs_of
from insights_lib.page.sections import Card, Report, Section, write_tables
from insights_lib.parameters.spec import Filters, ReportSpec
from insights_lib.tables import TABLES
from tests.support.notebooks import (
    MONTHS,
    RANGE,
    SECRETS,
    SECTIONS,
    Run,
    files_in,
    notebook,
    run,
    spec_of,
)
from tests.support.rows import fill_store, seats_row, slice_of, write_tsv

pytestmark = pytest.mark.kernels
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
    tables = {f"data/{name}.csv" for name in TABLES}
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


@pytest.mark.parametrize("table", TABLES)
def test_a_table_has_exactly_the_columns_that_are_declared(complete: Run, table: str) -> None:
    raw = (complete.folder("1") / "data" / f"{table}.csv").read_bytes()
    assert raw.splitlines()[0].decode() == ",".join(TABLES[table].columns)
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
    for table in TABLES:
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
    assert manifest.partner_name == 'A "B" {c}'
    assert (manifest.status, manifest.failures) == ("complete", ())
    assert (manifest.first, manifest.last) == ("2025-02", "2025-04")
    store = complete.outputs.parent / "store"
    assert manifest.parameters == {
        "partner": "1",
        "date_range": RANGE,
        "filters": [],
        "locale": "en",
        "role": "executive_report_viewer",
        "options": {
            "as_of": "2030-01-01",
            "active_states": ["Active"],
            "partner_name": 'A "B" {c}',
            "store": str(store),
        },
    }
    assert manifest.warnings
    assert all("2025" in sentence for sentence in manifest.warnings)


def test_the_manifest_tells_the_inputs_by_dataset(complete: Run) -> None:
    inputs = {entry["dataset"]: entry for entry in complete.manifest("1").inputs}
    seats, usage = inputs["SeatsSubscriptionsAndRevenue"], inputs["OfficeUsage"]
    assert len(inputs) == 2
    assert (seats["months"], seats["rows"]) == (list(MONTHS), 11)
    assert (usage["months"], usage["rows"]) == (list(MONTHS[:3]), 3)
    assert all(re.fullmatch(r"[0-9a-f]{64}", entry["hash"]) for entry in inputs.values())
    assert seats["hash"] != usage["hash"]


def test_the_manifest_tells_software_and_seconds_per_section(complete: Run) -> None:
    manifest = complete.manifest("1")
    assert {"papermill", "nbconvert", "pandas", "plotly", "duckdb"} <= set(manifest.software)
    assert all(manifest.software[name] == version(name) for name in manifest.software)
    assert list(manifest.seconds) == [*SECTIONS, "data", "metrics", "page"]
    assert all(seconds > 0 for seconds in manifest.seconds.values())


def test_the_manifest_tells_where_the_seconds_went_and_leaves_none_out(complete: Run) -> None:
    manifest = complete.manifest("1")
    stages = manifest.stages
    assert list(stages) == ["kernel", "data", "metrics", "figures", "page"]
    assert all(seconds > 0 for seconds in stages.values())
    assert sum(stages.values()) == pytest.approx(sum(manifest.seconds.values()), abs=0.02)
    assert dict(complete.of("1").stages) == stages


def test_no_notebook_makes_a_table_that_is_there(complete: Run) -> None:
    for file in (complete.folder("1") / "notebooks").glob("*.ipynb"):
        cells = nbformat.read(file, as_version=4).cells
        shown = [output.metadata for cell in cells for output in cell.get("outputs", [])]
        seconds = [metadata["insights"]["seconds"] for metadata in shown if "insights" in metadata]
        assert seconds
        assert not any("metrics" in stages for stages in seconds)


def test_no_secret_of_the_environment_is_in_any_file(complete: Run) -> None:
    for file in complete.outputs.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            for text in (*SECRETS, *SECRETS.values()):
                assert text.encode() not in content, file.name


def test_nothing_of_another_partner_is_in_any_file(complete: Run) -> None:
    for file in complete.outputs.rglob("*"):
        assert not file.is_file() or b"Elsewhere" not in file.read_bytes(), file.name


@pytest.fixture
def ingesting(own_notebooks: Path, replay: list[str], tmp_path: Path) -> ReportSpec:
    """A report whose second section opens its data after other data has been ingested."""
    rows = [seats_row("2025-04", customer) for customer in ("a", "new")]
    later = write_tsv(tmp_path / "later.tsv", rows)
    ingest = "from insights_lib.store.ingest import ingest_file\nfrom pathlib import Path\n"
    ingest += f"ingest_file(Path({str(later)!r}), Path(options['store']))"
    opening = "from insights_lib.notebook import open_report\n"
    opening += "open_report(partner, date_range, filters, locale, role, options)"
    notebook(own_notebooks, "01_before", *replay)
    notebook(own_notebooks, "02_after", ingest, opening)
    return spec_of(tmp_path / "store", partner_name='A "B" {c}')


def test_all_sections_see_the_same_data_whatever_is_ingested_between_them(
    ingesting: ReportSpec, tmp_path: Path
) -> None:
    result = run(tmp_path / "outputs", ingesting, jobs=1)
    assert result.of("1").failures == ()
    before = json.loads(ingesting.store.with_suffix(".inputs").read_text(encoding="utf-8"))["1"]
    assert result.manifest("1").inputs == before
    assert inputs_of(slice_of(ingesting.store, RANGE)) != before


def test_sections_that_have_to_open_their_data_themselves_do_not_mix_it(
    ingesting: ReportSpec, tmp_path: Path
) -> None:
    """In a folder with a question mark no slice can be saved for them."""
    result = run(tmp_path / "what?", ingesting, jobs=1).of("1")
    [(_, reason)] = result.failures
    assert "02_after" in reason
    assert "ingested during the run" in reason
    assert {".lock", "run.log", "01_before.ipynb", "02_after.ipynb", "manifest.json"} == {
        Path(name).name for name in files_in(tmp_path / "what?")
    }


def test_tables_are_made_once_for_all_notebooks_that_name_them(
    own_notebooks: Path, tmp_path: Path
) -> None:
    opening = "from insights_lib import metrics, notebook\n"
    opening += "del metrics.products\ndelattr(metrics, 'sea' + 'ts')\n"
    opening += "report = notebook.open_report(partner, date_range, filters, locale, role, options)"
    notebook(own_notebooks, "01_named", opening, "report.show('products')")
    notebook(own_notebooks, "02_not_named", opening, "report.table('sea' + 'ts')")
    made = run(tmp_path / "outputs", spec_of(tmp_path / "store"), jobs=1).of("1")
    [(section, reason)] = made.failures
    assert section == "02_not_named"
    assert reason == "AttributeError: module 'insights_lib.metrics' has no attribute 'seats'"


def test_a_table_that_cannot_be_made_fails_the_section_that_shows_it(
    own_notebooks: Path, tmp_path: Path
) -> None:
    opening = "from insights_lib.notebook import open_report\n"
    opening += "report = open_report(partner, date_range, filters, locale, role, options)"
    notebook(own_notebooks, "01_fine", opening, "report.show('products')")
    notebook(own_notebooks, "02_personal", opening, "report.table('customers')")
    spec = spec_of(tmp_path / "store", role="report_viewer")
    made = run(tmp_path / "outputs", spec, jobs=1).of("1")
    assert [section for section, _ in made.failures] == ["02_personal"]


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


def test_what_a_filter_may_have_meant_is_told_by_the_run_and_in_no_file_of_the_report(
    tmp_path: Path,
) -> None:
    rows = [seats_row(month, "a", PartnerLocation="Secret Place") for month in MONTHS]
    store = fill_store(tmp_path, {"SeatsSubscriptionsAndRevenue": rows})
    filters = Filters(partner_location=("Secret Plce",))
    spec = spec_of(store, filters=filters, role="report_viewer", sections=("01_summary",))
    result = run(tmp_path / "outputs", spec).of("1")
    assert result.notes()[-1].endswith("Secret Plce: did you mean 'Secret Place'?")
    assert result.folder
    for file in files_in(result.folder):
        assert "Secret Place" not in (result.folder / file).read_text(encoding="utf-8")
