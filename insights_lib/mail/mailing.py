"""A mailing: plan it, send or rehearse it, and report the status of every mail."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from urllib.parse import quote

from insights_lib.disk import make_folder, write_whole
from insights_lib.errors import InsightsError, ParameterError
from insights_lib.mail.delivery import deliver_messages
from insights_lib.mail.ledger import ledger
from insights_lib.mail.pictures import pictures
from insights_lib.mail.plan import PlannedMail, mail_plan
from insights_lib.mail.send import (
    DONE,
    PLANNED,
    MailStatus,
    ledger_to_read,
    mail_settings,
    mail_statuses_now,
    open_messages,
    send_planned,
)
from insights_lib.mail.writer import Writer
from insights_lib.outputs import Outputs
from insights_lib.parameters.addresses import check_address, is_allowed
from insights_lib.parameters.recipients_yml import read_recipients
from insights_lib.parameters.requests import Overrides, reports_file
from insights_lib.timing import Clock


class Line(NamedTuple):
    """What became of a message, in a line, and whether that is well."""

    text: str
    well: bool


@dataclass(frozen=True)
class Mailing:
    """What to mail by a folder of parameter files and what a command asks for, and how."""

    parameters: Path
    outputs: Outputs
    asked: Overrides
    test_to: str | None = None  # send every message to this address instead
    dry: bool = False  # write the messages as files instead
    wait: bool = False  # stay until nothing is left to be tried again
    retry_failed: bool = False  # try what has failed for good, too

    def plan(self) -> list[PlannedMail]:
        """What goes to whom, by the parameter files.

        Raises:
            ParameterError: They are wrong.
        """
        file = reports_file(self.parameters, self.asked)
        return mail_plan(read_recipients(self.parameters), file, self.asked, self.outputs)

    def send(self, on_line: Callable[[Line], object]) -> tuple[list[MailStatus], bool]:
        """Send or rehearse it; tell the result of each message in a line.

        Returns:
            The status of every mail, none after a test; and whether all went well.

        Raises:
            ParameterError: Parameters are wrong, or nobody gets a report.
            MailError: There is no login, or the server cannot be used as it is.
        """
        if self.test_to and (self.dry or self.retry_failed):
            raise ParameterError("--test-to sends everything, to one address; give it alone.")
        planned = self.plan()
        if not planned:
            partners = self.asked.partners
            of = f" of partner {', '.join(partners)}" if partners else ""
            raise ParameterError(f"nobody in recipients.yml gets a report{of}; list people there.")
        well = True
        for line in self._lines(planned):
            on_line(line)
            well = well and line.well
        if self.test_to:
            return [], well
        statuses = mail_statuses_now(planned, self.outputs)
        states = {one.state for one in statuses}
        return statuses, well and states <= PLANNED if self.dry else states <= DONE

    def _lines(self, planned: Sequence[PlannedMail]) -> Iterator[Line]:
        recipients = read_recipients(self.parameters)
        with pictures(self.outputs) as drawn:
            writer = Writer(recipients, self.outputs, drawn, Clock(), self.test_to, self.dry)
            if self.test_to:
                yield from _send_all(planned, writer)
            elif self.dry:
                yield from _dry_run(planned, writer, self.retry_failed)
            else:
                for entry in send_planned(planned, writer, self.retry_failed, self.wait):
                    yield Line(str(entry), entry.state == "sent")


def _dry_run(planned: Sequence[PlannedMail], writer: Writer, retry_failed: bool) -> Iterator[Line]:
    """Write the messages that would be sent as files, in place of those of the last dry run."""
    with ledger_to_read(writer.outputs) as book:
        messages = open_messages(planned, writer, book, retry_failed)
    writer.outputs.forget_dry_run()
    for message in messages:
        first = message.deliveries[0]
        folder = writer.outputs.dry_run / first.partner / first.months
        # Each address has a name of its own.
        name = f"{quote(first.recipient, safe='@+')}{first.variant and '-'}{first.variant}.eml"
        try:
            with message.alone():
                content = message.build()
                make_folder(folder)
                write_whole(folder / name, content)
        except InsightsError as error:
            yield Line(f"would be withheld: {first.recipient}: {error}", well=False)
        else:
            yield Line(str(folder / name), well=True)


def _send_all(planned: Sequence[PlannedMail], writer: Writer) -> Iterator[Line]:
    """Send everything to the writer's address; the ledger of the outputs knows nothing of it."""
    to, domains = check_address(writer.test_to or ""), writer.recipients.allowed_domains
    if not is_allowed(to, domains):
        raise ParameterError(
            f"--test-to {to} is in none of the allowed_domains of recipients.yml: "
            f"{', '.join(domains)}."
        )
    for one in planned:
        if one.blocked_by:
            place = f"partner {one.spec.partner}, {one.months}"
            yield Line(f"not ready: {place}: {one.blocked_by}", well=False)
    messages = writer.messages(planned)
    with TemporaryDirectory() as folder, ledger(Path(folder) / "ledger.sqlite") as book:
        settings = mail_settings(writer.recipients)
        for entry in deliver_messages(lambda: messages, book, settings, writer.clock):
            yield Line(str(entry), well=entry.state == "sent")
