"""`insights schedule`: what is due at its time, once."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from insights_lib.commands.mail import LEDGER, drawing, post_of, send_planned
from insights_lib.commands.options import (
    Debug,
    Outputs,
    Parameters,
    Store,
    errors,
    out,
    sentences,
    specs_of,
)
from insights_lib.commands.progress import failures_of
from insights_lib.errors import BusyError, InsightsError, ParameterError
from insights_lib.mail.delivery import Clock
from insights_lib.mail.ledger import ledger
from insights_lib.mail.plan import Writer, planned_letters
from insights_lib.mail.send import DONE, HINDERED, put_off, send_note
from insights_lib.mail.smtp import is_allowed
from insights_lib.parameters.recipients_yml import read_recipients
from insights_lib.parameters.reports_yml import Asked, read_reports_file
from insights_lib.parameters.schedule_yml import LONGEST_CATCH_UP, Group, Plan, read_plan
from insights_lib.run.reports import Settings, run_reports, standings
from insights_lib.schedule.inbox import Folders, take_incoming
from insights_lib.schedule.scheduler import Finished, Step, run_due, settle, stay, tell_owners
from insights_lib.schedule.windows import Window, due, recording


def schedule(
    once: Annotated[
        bool, typer.Option("--once", help="Do all that is due, then end; else stay and do it.")
    ] = False,
    store: Store = Path("data/store"),
    outputs: Outputs = Path("outputs"),
    parameters: Parameters = Path("parameters"),
    jobs: Annotated[
        int, typer.Option(min=1, help="Reports at a time; default the cores.")
    ] = os.cpu_count() or 1,
    debug: Debug = False,
) -> None:
    """Do what schedule.yml asks for at its time: take in exports, render, send."""
    with sentences(debug):
        _check(read_plan(parameters), parameters)
        place = _Place(store, outputs.absolute(), parameters, jobs)
        if not once:
            stay(lambda: _go_on(place))
            return
        finished = _do_due(place)
        if any(one.reasons for one in finished):
            raise typer.Exit(1)


def _check(plan: Plan, parameters: Path) -> None:
    """See that owners can be told of failures, before anything is begun.

    Raises:
        ParameterError: An owner's address is in none of the allowed domains.
    """
    allowed = read_recipients(parameters).allowed_domains
    for name, group in plan.groups.items():
        if not is_allowed(group.alert_to, allowed):
            raise ParameterError(
                f"schedule.yml: group {name}: alert_to {group.alert_to} is in none of the "
                f"allowed_domains of recipients.yml: {', '.join(allowed)}."
            )


@dataclass(frozen=True)
class _Place:
    """Where everything is."""

    store: Path
    outputs: Path
    parameters: Path
    jobs: int


def _go_on(place: _Place) -> None:
    """Do what is due; whatever goes wrong, the next time may do better."""
    try:
        with suppress(BusyError):  # what is due is done by the other one
            _do_due(place)
    except (InsightsError, OSError) as error:
        errors.print(str(error))


def _do_due(place: _Place) -> list[Finished]:
    plan = read_plan(place.parameters)
    with recording(place.outputs) as record:
        finished = run_due(plan, _now, _steps(place), record)
        for again in _send_deferred(plan, place):
            settle(again, record, _now())
            finished.append(again)
        tell_owners(plan, _now(), partial(_alert, place), record)
    for one in finished:
        window = one.window
        told = "; ".join(one.reasons) or "done"
        out.print(f"{window.group}, {window.local:%Y-%m-%d %H:%M} {window.time_zone}: {told}")
    return finished


def _now() -> datetime:
    return datetime.now(UTC)


def _steps(place: _Place) -> Mapping[str, Step]:
    """What each step of a plan does; it returns why it failed."""
    refused: dict[Path, list[str]] = {}  # by folder: several groups may look into the same one

    def ingest(_: Window, group: Group) -> list[str]:
        found = refused.setdefault(group.incoming, [])
        found += _ingest(group, place)
        return found

    return {
        "ingest": ingest,
        "run": lambda window, group: _run(window, group, place),
        "send": lambda window, group: _send(window, group, place),
    }


def _ingest(group: Group, place: _Place) -> list[str]:
    arrivals = take_incoming(Folders(group.incoming, place.store))
    return [arrival.refusal for arrival in arrivals if arrival.refusal]


def _asked(window: Window, group: Group, place: _Place) -> Asked:
    return Asked(
        partners=group.partners,
        date_range=group.range,
        as_of=window.local.date().isoformat(),
        store=place.store,
    )


def _run(window: Window, group: Group, place: _Place) -> list[str]:
    file = read_reports_file(place.parameters)
    specs = specs_of(place.parameters, file, _asked(window, group, place))
    limits = (file.section_timeout_seconds, file.report_timeout_seconds)
    settings = Settings(place.outputs, place.jobs, *limits, wait=True)
    found = zip(specs, standings(specs, place.outputs), strict=True)
    wanted = [spec for spec, standing in found if standing.state != "fresh"]
    outcomes = run_reports(wanted, settings, lambda _: None)
    return [sentence for outcome in outcomes for sentence in failures_of(outcome)]


def _send(window: Window, group: Group, place: _Place, again: bool = False) -> list[str]:
    """Send what is fresh, or again what was put off; what is put off is no failure yet."""
    recipients = read_recipients(place.parameters)
    file = read_reports_file(place.parameters)
    planned = planned_letters(recipients, file, _asked(window, group, place), place.outputs)
    if again:
        with ledger(place.outputs / LEDGER) as book:
            planned = put_off(planned, book)
    if not planned:
        return []
    clock = Clock()
    started = clock.now()  # how older mail stands was told when it came to stand so
    with drawing(place.outputs) as drawn:
        found = send_planned(planned, Writer(recipients, place.outputs, drawn, clock), wait=False)
    return [
        f"partner {stand.planned.spec.partner}, {stand.planned.person.address}: {stand.state}"
        f" ({stand.why})"
        for stand in found
        if stand.state == HINDERED
        or (stand.state not in DONE | {"deferred"} and stand.since and stand.since >= started)
    ]


def _send_deferred(plan: Plan, place: _Place) -> Iterator[Finished]:
    """Try again what a mail server has put off, of each group's latest window; tell of failures."""
    if not (place.outputs / LEDGER).exists():
        return
    now = _now()
    with ledger(place.outputs / LEDGER) as book:
        tries = [entry.next_try for entry in book.entries() if entry.state == "deferred"]
    if not any(moment and moment <= now for moment in tries):
        return
    for name, group in plan.groups.items():
        # However short a group's catch-up is: this window was not missed.
        windows = due(name, group.model_copy(update={"catch_up_hours": LONGEST_CATCH_UP}), now)
        if windows and "send" in group.steps:
            try:
                reasons = _send(windows[-1], group, place, again=True)
            except (InsightsError, OSError) as error:
                reasons = [str(error)]
            if reasons:
                yield Finished(windows[-1], tuple(reasons))


def _alert(place: _Place, address: str, subject: str, text: str) -> None:
    recipients = read_recipients(place.parameters)
    try:
        send_note(post_of(recipients), recipients.sender_name, address, (subject, text))
    except Exception as error:
        errors.print(f"{address} could not be told, and is the next time: {error}")
        raise
