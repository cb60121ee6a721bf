"""The steps of a schedule: fetch and take in exports, render, send; and what is around them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from insights_lib.errors import BusyError, InsightsError, ParameterError, reason_of
from insights_lib.mail.ledger import ledger
from insights_lib.mail.mailing import Mailing
from insights_lib.mail.pictures import pictures
from insights_lib.mail.send import (
    DONE,
    NOT_READY,
    mail_settings,
    mail_statuses_now,
    put_off,
    send_note,
    send_planned,
)
from insights_lib.mail.writer import Writer
from insights_lib.outputs import Outputs
from insights_lib.parameters.addresses import is_allowed
from insights_lib.parameters.fetch_yml import is_fetching, read_fetch_plan
from insights_lib.parameters.recipients_yml import read_recipients
from insights_lib.parameters.requests import Overrides
from insights_lib.parameters.schedule_yml import LONGEST_CATCH_UP, Group, Plan, read_plan
from insights_lib.run.reports import Settings
from insights_lib.run.run import plan_run
from insights_lib.schedule.inbox import Arrival, Folders, take_incoming
from insights_lib.schedule.scheduler import Finished, Step, StepResult, run_due, stay, tell_owners
from insights_lib.schedule.windows import Window, due, recording
from insights_lib.store.catalog import latest_ingest
from insights_lib.timing import Clock

_CLOCK = Clock()


@dataclass(frozen=True)
class Site:
    """Where everything is that a schedule works on, and how many reports to render at a time."""

    store: Path
    outputs: Outputs
    parameters: Path
    jobs: int

    def overrides(self, window: Window, group: Group) -> Overrides:
        """The reports of a group for the months that were complete at the scheduled moment."""
        as_of = window.local.date().isoformat()
        return Overrides(group.partners, group.range, as_of, store=self.store)


def check_plan(site: Site) -> None:
    """Check that the plan and fetch.yml can be read, and that owners can be told of failures.

    Raises:
        ParameterError: They cannot, or an owner's address is in none of the allowed domains.
    """
    plan = read_plan(site.parameters)
    is_fetching(site.parameters)
    allowed = read_recipients(site.parameters).allowed_domains
    for name, group in plan.groups.items():
        if not is_allowed(group.alert_to, allowed):
            raise ParameterError(
                f"schedule.yml: group {name}: alert_to {group.alert_to} is not in one of the "
                f"allowed_domains of recipients.yml: {', '.join(allowed)}."
            )


@dataclass(frozen=True)
class Done:
    """What a schedule did: the windows that came to their end, and what else went wrong."""

    finished: tuple[Finished, ...]
    errors: tuple[str, ...]


def do_due(site: Site) -> Done:
    """Do every window that is due, try deferred mail again, and tell owners of what failed.

    Raises:
        BusyError: Another scheduler is at work in the same folder of reports.
    """
    plan = read_plan(site.parameters)
    with recording(site.outputs) as record:
        finished = run_due(plan, _CLOCK.now, _steps(site), record)
        for again in _send_deferred(plan, site):
            record.settle(again.window, "\n".join(again.reasons), _CLOCK.now())
            finished.append(again)
        not_told = tell_owners(plan, _CLOCK.now(), partial(_alert, site), record)
    return Done(tuple(finished), tuple(not_told))


def do_due_until_stopped(site: Site, on_done: Callable[[Done], object]) -> None:
    """Do what is due, again and again, until SIGTERM or Ctrl-C; tell `on_done` of it each time."""

    def once() -> None:
        try:
            on_done(do_due(site))
        except BusyError:
            pass  # another scheduler does what is due
        except (InsightsError, OSError) as error:  # the next time may do better
            on_done(Done((), (str(error),)))

    stay(once)


def _steps(site: Site) -> Mapping[str, Step]:
    """What each step of a plan does."""
    arrived: dict[Path, list[Arrival]] = {}  # by folder: several groups may look into the same one

    fetched: dict[Path, StepResult] = {}

    def fetch(_: Window, group: Group) -> StepResult:
        if group.incoming not in fetched:
            fetched[group.incoming] = _fetch(group, site)
        return fetched[group.incoming]

    def ingest(_: Window, group: Group) -> StepResult:
        arrivals = arrived.setdefault(group.incoming, [])
        arrivals += take_incoming(Folders(group.incoming, site.store))
        refused = [arrival for arrival in arrivals if arrival.refusal]
        failures = tuple(arrival.refusal for arrival in refused)
        return StepResult(failures, ends_window=any(arrival.is_export for arrival in refused))

    return {
        "fetch": fetch,
        "ingest": ingest,
        "run": lambda window, group: StepResult(_run(window, group, site)),
        "send": lambda window, group: StepResult(_send(window, group, site)),
    }


def _fetch(group: Group, site: Site) -> StepResult:
    """Fetch new exports for every tenant that fetch.yml names, if any; return what failed.

    The steps after it are done if anything came: one tenant does not stop the others. Whoever is
    told of the failure reads how old the data is on which reports go on to stand.
    """
    if not is_fetching(site.parameters):
        return StepResult()
    from insights_lib.fetch.fetch import FetchRequest, fetch_all  # noqa: PLC0415 - and MSAL

    plan, request = read_fetch_plan(site.parameters), FetchRequest(to=group.incoming)
    results = [*fetch_all(plan, request, lambda _: None, _CLOCK)]
    failures = tuple(str(result) for result in results if result.failed)
    came = any(result.file for result in results)
    if failures and (latest := latest_ingest(site.store)):
        days = (_CLOCK.now() - latest).days
        failures += (f"reports are of exports that came on {latest:%Y-%m-%d}, {days} days ago",)
    return StepResult(failures, ends_window=bool(failures) and not came)


def _run(window: Window, group: Group, site: Site) -> tuple[str, ...]:
    """Render what is not fresh; return what failed."""
    settings = Settings(site.outputs, site.jobs, wait=True)
    summary = plan_run(site.parameters, site.overrides(window, group), settings).do()
    return tuple(sentence for result in summary.results for sentence in result.failure_sentences())


def _send(window: Window, group: Group, site: Site, again: bool = False) -> tuple[str, ...]:
    """Send what is fresh, or again what was put off; return what failed for good."""
    recipients = read_recipients(site.parameters)
    planned = Mailing(site.parameters, site.outputs, site.overrides(window, group)).plan()
    if again:
        planned = put_off(planned, site.outputs)
    if not planned:
        return ()
    started = _CLOCK.now()  # what failed before was reported then
    with pictures(site.outputs) as drawn:
        writer = Writer(recipients, site.outputs, drawn, _CLOCK)
        for _ in send_planned(planned, writer):
            pass  # the ledger tells more
    return tuple(
        f"partner {status.planned.spec.partner}, {status.planned.person.address}: {status.state}"
        f" ({status.reason})"
        for status in mail_statuses_now(planned, site.outputs)
        if status.state == NOT_READY
        or (status.state not in DONE | {"deferred"} and status.since and status.since >= started)
    )


def _send_deferred(plan: Plan, site: Site) -> Iterator[Finished]:
    """Try again what a mail server has put off, of each group's latest window; yield failures."""
    if not site.outputs.ledger.exists():
        return
    now = _CLOCK.now()
    with ledger(site.outputs.ledger) as book:
        tries = [entry.next_try for entry in book.entries() if entry.state == "deferred"]
    if not any(moment and moment <= now for moment in tries):
        return
    for name, group in plan.groups.items():
        # However short a group's catch-up is: this window was not missed.
        windows = due(name, group.model_copy(update={"catch_up_hours": LONGEST_CATCH_UP}), now)
        if windows and "send" in group.steps:
            try:
                reasons = _send(windows[-1], group, site, again=True)
            except Exception as error:  # noqa: BLE001 - this group alone has failed
                reasons = (reason_of(error),)
            if reasons:
                yield Finished(windows[-1], reasons)


def _alert(site: Site, address: str, subject: str, text: str) -> None:
    recipients = read_recipients(site.parameters)
    send_note(mail_settings(recipients), recipients.sender_name, address, (subject, text))
