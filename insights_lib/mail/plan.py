"""The mail plan: which report goes to whom, and what keeps it from going now."""

from dataclasses import dataclass
from pathlib import Path

from insights_lib.errors import ParameterError
from insights_lib.mail.ledger import Delivery
from insights_lib.outputs import Manifest, Outputs
from insights_lib.parameters.recipients_yml import Person, RecipientsFile
from insights_lib.parameters.reports_yml import ReportsFile
from insights_lib.parameters.requests import Overrides, wanted_specs
from insights_lib.parameters.spec import ReportSpec
from insights_lib.run.plan import PlannedReport, plan_reports


@dataclass(frozen=True)
class PlannedMail:
    """One report to one person, as the parameters ask for it."""

    person: Person
    report: PlannedReport
    version: str = ""  # digest of the report's tables; empty if it is not there
    blocked_by: str = ""  # why it cannot be sent now

    @property
    def spec(self) -> ReportSpec:
        """What the report was asked for."""
        return self.report.spec

    @property
    def months(self) -> str:
        """The months of the report; empty if there is no data."""
        return str(self.report.months or "")

    @property
    def folder(self) -> Path:
        """Where the report is; a `ParameterError` tells that there is no data for it."""
        if self.report.folder is None:
            raise ParameterError(self.report.reason)
        return self.report.folder

    @property
    def delivery(self) -> Delivery:
        """What the ledger calls it."""
        spec = self.spec
        return Delivery(spec.partner, self.months, spec.variant, self.person.address, self.version)

    @property
    def message_key(self) -> tuple[str, str, str, str, str]:
        """What those have in common who can share a message."""
        spec = self.spec
        how = " ".join([self.person.how, *sorted(set(self.person.attach))])
        return (spec.partner, spec.date_range, spec.locale, spec.variant, how)


def mail_plan(
    recipients: RecipientsFile, file: ReportsFile, overrides: Overrides, outputs: Outputs
) -> list[PlannedMail]:
    """What is to be sent to whom, and what keeps it from going.

    Raises:
        ParameterError: Somebody would get nothing or the same report twice, or a copy has no
            message to be a copy of.
    """
    wanted = list(wanted_specs(recipients, file, overrides))
    reports = plan_reports([spec for _, spec in wanted], outputs)
    planned = [
        _planned(person, report) for (person, _), report in zip(wanted, reports, strict=True)
    ]
    seen: dict[tuple[str, ...], str] = {}
    for one in planned:
        address = one.person.address
        other = seen.setdefault((*one.message_key[:-1], address.lower()), address)
        if other != address:  # to a mail server they may be two, but hardly to anybody else
            raise ParameterError(
                f"partner {one.spec.partner}: {other} and {address} would get the same report "
                "twice; list one of them."
            )
    own = {one.message_key for one in planned if one.person.message == "own"}
    for one in planned:
        if one.message_key not in own:
            raise ParameterError(
                f"partner {one.spec.partner}: {one.person.address} is to get a copy, but nobody "
                "gets the same report in a message of their own; write message: own."
            )
    return planned


def _planned(person: Person, report: PlannedReport) -> PlannedMail:
    manifest = Manifest.read(report.folder) if report.folder else None
    if report.status != "fresh" or manifest is None:
        why = f"the report: {report.status} ({report.reason}); `insights run` makes it"
        return PlannedMail(person, report, blocked_by=why)
    unmatched = set(manifest.unmatched_filters)
    for facet, values in report.spec.filters.chosen().items():
        if unmatched.issuperset(f"{facet}={value}" for value in values):
            why = (
                f"no subscription has the {facet} {' or '.join(values)}, so all numbers are 0; see "
                "that it is spelt as in the exports"
            )
            return PlannedMail(person, report, blocked_by=why)
    return PlannedMail(person, report, version=manifest.tables_sha256 or "")
