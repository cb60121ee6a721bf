"""`insights send` and `history`: reports to the people who are to have them."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from insights_lib.commands.options import (
    AsOf,
    Debug,
    Json,
    Outputs,
    Parameters,
    Partners,
    StoreToRead,
    errors,
    out,
    reports_file,
    sentences,
    show,
)
from insights_lib.errors import InsightsError, ParameterError
from insights_lib.mail.delivery import Clock, Letter, Post, Result
from insights_lib.mail.ledger import Ledger, State, ledger
from insights_lib.mail.login import read_login
from insights_lib.mail.plan import Planned, Writer, planned_letters
from insights_lib.mail.send import (
    DONE,
    DUE,
    HINDERED,
    Stand,
    open_letters,
    send_letters,
    stands,
)
from insights_lib.mail.smtp import check_address, is_allowed
from insights_lib.outputs import FILE_MODE, make_folder
from insights_lib.parameters.recipients_yml import RecipientsFile, read_recipients
from insights_lib.parameters.reports_yml import Asked

if TYPE_CHECKING:
    from insights_lib.mail.pictures import Pictures

LEDGER = "ledger.sqlite"
DRY_RUN = "_dry-run"  # folder of the messages that would be sent; no partner can be called so


def send(
    partner: Partners = None,
    as_of: AsOf = None,
    store: StoreToRead = "data/store",
    outputs: Outputs = Path("outputs"),
    parameters: Parameters = Path("parameters"),
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show the plan; write the messages as .eml, send none."),
    ] = False,
    test_to: Annotated[
        str | None, typer.Option(help="Send every message to this address instead, marked so.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Stay until nothing is left to be tried again.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try also what has failed for good, anew.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Mail fresh reports to the people of recipients.yml, each once."""
    with sentences(debug):
        recipients = read_recipients(parameters)
        if dry_run and test_to:
            raise ParameterError("--dry-run and --test-to exclude each other; give one of them.")
        if retry_failed and test_to:
            raise ParameterError("--test-to sends everything; give it without --retry-failed.")
        if test_to:
            _check_allowed(test_to, recipients)
        asked = Asked(partners=tuple(partner or ()), as_of=as_of, store=store)
        place = outputs.absolute()
        planned = planned_letters(recipients, reports_file(parameters, partner), asked, place)
        if not planned:
            raise ParameterError(
                f"nobody in recipients.yml gets a report of partner {', '.join(asked.partners)}."
                if asked.partners
                else "nobody is in recipients.yml; list people below `partners`."
            )
        with drawing(place) as drawn:
            writer = Writer(recipients, place, drawn, Clock(), test_to, dry_run)
            if dry_run:
                well = _dry_run(planned, writer, retry_failed)
            elif test_to:
                well = _test(planned, writer)
            else:
                found = send_planned(planned, writer, wait, retry_failed)
                show_stands(found)
                well = all(stand.state in DONE for stand in found)
        if not well:
            raise typer.Exit(1)


def history(
    partner: Partners = None,
    outputs: Outputs = Path("outputs"),
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Tell what was mailed to whom, when, and if not, why not; the latest last."""
    with sentences(debug):
        with ledger_as_it_is(outputs) as book:
            entries = [e for e in book.entries() if not partner or e.delivery.partner in partner]
        rows: list[dict[str, Any]] = [
            {
                **asdict(entry.delivery),
                "state": entry.state,
                "changed_at": entry.changed_at.isoformat(timespec="seconds"),
                "next_try": entry.next_try and entry.next_try.isoformat(timespec="seconds"),
                "tries": entry.tries,
                "message_id": entry.message_id,
                "reason": entry.reason,
            }
            for entry in entries
        ]
        columns = ("changed_at", "partner", "months", "recipient", "state", "reason")
        show(rows, as_json, columns)
        if not rows:
            errors.print("nothing was mailed from here.")


@contextmanager
def ledger_as_it_is(outputs: Path) -> Iterator[Ledger]:
    """The ledger of a folder for those who only look at it: where there is none, none is made."""
    with TemporaryDirectory() as empty:
        place = outputs if (outputs / LEDGER).exists() else Path(empty)
        with ledger(place / LEDGER) as book:
            yield book


def show_stands(found: list[Stand], as_json: bool = False) -> None:
    """Show how planned deliveries stand."""
    rows = [
        {
            "partner": stand.planned.spec.partner,
            "months": stand.planned.months,
            "variant": stand.planned.spec.variant,
            "recipient": stand.planned.person.address,
            "how": f"{stand.planned.person.message}, {stand.planned.person.how}",
            "state": stand.state,
            "since": stand.since.isoformat(timespec="seconds") if stand.since else "",
            "why": stand.why,
        }
        for stand in found
    ]
    show(rows, as_json, ("partner", "months", "recipient", "how", "state", "since", "why"))


def send_planned(
    planned: list[Planned], writer: Writer, wait: bool, retry_failed: bool = False
) -> list[Stand]:
    """Send what is due, and tell how everything stands then."""
    again = _again(writer.recipients, retry_failed)
    with ledger(writer.outputs / LEDGER) as book:

        def find() -> list[Letter]:
            return open_letters(writer, stands(planned, book), again)

        if find():  # else no login is needed
            post = post_of(writer.recipients, again)
            for result in send_letters(find, book, post, writer.clock, wait):
                errors.print(_told(result))
        return stands(planned, book)


def _again(recipients: RecipientsFile, retry_failed: bool) -> tuple[State, ...]:
    """The states of deliveries that are over, but to be sent again."""
    wanted: dict[State, bool] = {"uncertain": recipients.resend_uncertain, "failed": retry_failed}
    return tuple(state for state in wanted if wanted[state])


def post_of(recipients: RecipientsFile, again: tuple[State, ...] = ()) -> Post:
    """How mail is sent, by the parameters and the login of the environment."""
    return Post(
        server=recipients.smtp,
        login=read_login(os.environ) if recipients.smtp.login else None,
        sender=recipients.sender,
        allowed_domains=recipients.allowed_domains,
        again=again,
    )


def _dry_run(planned: list[Planned], writer: Writer, retry_failed: bool) -> bool:
    """Show how everything stands, and write the messages that would be sent."""
    with ledger_as_it_is(writer.outputs) as book:
        found = stands(planned, book)
    show_stands(found)
    forget_dry_run(writer.outputs)
    well = all(stand.state in DONE | {DUE} for stand in found)
    for letter in open_letters(writer, found, _again(writer.recipients, retry_failed)):
        first = letter.deliveries[0]
        folder = writer.outputs / DRY_RUN / first.partner / first.months
        file = folder / f"{_safe(first.recipient)}{first.variant and '-'}{first.variant}.eml"
        try:
            data = letter.build()
        except InsightsError as error:
            errors.print(f"would be withheld: {first.recipient}: {error}")
            well = False
            continue
        make_folder(folder)
        file.touch(FILE_MODE)
        file.write_bytes(data)
        out.print(str(file))
    return well


def forget_dry_run(outputs: Path) -> None:
    """Delete the messages of the dry run before."""
    for file in (outputs / DRY_RUN).rglob("*.eml"):
        file.unlink()


def _safe(address: str) -> str:
    """An address as the name of a file; each has its own."""
    return quote(address, safe="@+")


def _check_allowed(address: str, recipients: RecipientsFile) -> None:
    check_address(address)
    if not is_allowed(address, recipients.allowed_domains):
        raise ParameterError(
            f"--test-to {address} is in none of the allowed_domains of recipients.yml: "
            f"{', '.join(recipients.allowed_domains)}."
        )


def _test(planned: list[Planned], writer: Writer) -> bool:
    """Send everything to one address; the ledger of the outputs knows nothing of it."""
    well = True
    for one in planned:
        if one.hindrance:
            errors.print(f"{HINDERED}: partner {one.spec.partner}, {one.months}: {one.hindrance}")
            well = False
    letters = writer.letters(planned)
    with TemporaryDirectory() as folder, ledger(Path(folder) / LEDGER) as book:
        post = post_of(writer.recipients)
        for result in send_letters(lambda: letters, book, post, writer.clock):
            out.print(_told(result))
            well = well and result.state == "sent"
    return well


def _told(result: Result) -> str:
    """What became of a delivery, in a line."""
    delivery = result.delivery
    place = f"partner {delivery.partner}, {delivery.months}, {delivery.recipient}"
    return f"{place}: {result.state}{result.reason and ': '}{result.reason}"


@contextmanager
def drawing(outputs: Path) -> Iterator["Pictures"]:
    """What draws charts; that it cannot is told on the console and in the log of mails."""
    from insights_lib.mail.pictures import Pictures  # noqa: PLC0415 - for those who write mail

    make_folder(outputs)
    file = outputs / "mail.log"
    told = logging.FileHandler(file, encoding="utf-8", delay=True)
    told.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log = logging.getLogger("insights_lib.mail")
    handlers: list[logging.Handler] = [told, logging.StreamHandler()]
    for handler in handlers:
        log.addHandler(handler)
    drawn = Pictures()
    try:
        yield drawn
    finally:
        drawn.close()
        if file.exists():
            file.chmod(FILE_MODE)
        for handler in handlers:
            log.removeHandler(handler)
            handler.close()
