"""Reports as a run leaves them, with all that the index reads of them, but no page in them."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from insights_lib.outputs import Failure, Outputs, failed_folder
from insights_lib.parameters.spec import DateRange, ReportSpec
from insights_lib.run.plan import PlannedReport
from tests.support.manifests import NOON, manifest_of

YEAR = "2025-01_2025-12"


def left_report(
    outputs: Outputs, partner: str, trend: Any = range(100, 112), months: str = YEAR, **values: Any
) -> Path:
    """A report whose customers by month are given; a month without data is None."""
    folder = outputs.report_folder(partner, months)
    (folder / "data").mkdir(parents=True)
    (folder / "report.html").write_text("<title>a report</title>", "utf-8")
    write_figures(folder, list(trend), DateRange.parse(months))
    first, last = months.split("_")
    manifest_of(partner=partner, first=first, last=last, **values).write(folder)
    return folder


def write_figures(folder: Path, trend: list[int | None], months: DateRange) -> None:
    """The two tables that the index reads."""
    first, last = trend[0] or 0, trend[-1]
    growth = "" if not first or last is None else repr(100 * (last - first) / first)
    month = f"{months.last:%Y-%m}"
    lines = [
        "metric,value,growth_pct,month,previous_value,change_pct",
        f"current_customers,{'' if last is None else last},{growth},{month},,",
        f"active_customers,{'' if last is None else last // 2},{growth},{month},,",
        f"subscriptions,{'' if last is None else last * 3},{growth},{month},,",
        f"customers_added,12,,{month},8,50.0",
        f"customers_churned,7,,{month},4,75.0",
        f"churn_rate_pct,6.25,,{month},,",
    ]
    (folder / "data" / "summary.csv").write_text("\n".join(lines), "utf-8")
    rows = ["month,current_customers,active_customers,subscriptions"]
    for day, count in zip(months.months(), trend, strict=True):
        counts = ["", "", ""] if count is None else map(str, (count, count // 2, count * 3))
        rows.append(",".join([f"{day:%Y-%m}", *counts]))
    (folder / "data" / "summary_trend.csv").write_text("\n".join(rows), "utf-8")


def left_failure(outputs: Outputs, partner: str, reason: str, months: str = YEAR) -> Path:
    """What a failed run leaves beside the last good report, if there is one."""
    folder = failed_folder(outputs.report_folder(partner, months))
    folder.mkdir(parents=True)
    first, last = months.split("_")
    manifest_of(
        status="failed",
        failures=(Failure(section="03_adds_and_churns", reason=reason),),
        partner=partner,
        first=first,
        last=last,
        finished_at=NOON + timedelta(days=31),
    ).write(folder)
    return folder


def planned(
    outputs: Outputs, partner: str, status: Any = "fresh", reason: str = "", **values: Any
) -> PlannedReport:
    """A report as a run plans it."""
    name = values.pop("name", "")
    spec = ReportSpec(partner=partner, partner_name=name, date_range=YEAR, **values)
    folder = outputs.report_folder(partner, YEAR, spec.variant)
    return PlannedReport(spec, status, reason, DateRange.parse(YEAR), folder)
