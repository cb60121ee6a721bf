"""A mailing: plan it, send or rehearse it, and report the status of every mail."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from insights_lib.errors import ParameterError
from insights_lib.mail.pictures import pictures
from insights_lib.mail.plan import PlannedMail, mail_plan
from insights_lib.mail.rehearsal import Line, dry_run, send_all
from insights_lib.mail.send import (
    DONE,
    PLANNED,
    MailStatus,
    mail_statuses_now,
    send_planned,
    states_again,
)
from insights_lib.mail.writer import Writer
from insights_lib.outputs import Outputs
from insights_lib.parameters.recipients_yml import read_recipients
from insights_lib.parameters.requests import Overrides, reports_file
from insights_lib.timing import Clock


@dataclass(frozen=True)
class Mailing:
    """What to mail, and how.

    Attributes:
        parameters: Folder of the parameter files.
        outputs: The folder of the reports.
        asked: What a command asks for on top of the parameter files.
        test_to: Send every message to this address instead.
        dry: Write the messages as files instead.
        wait: Stay until nothing is left to be tried again.
        retry_failed: Try what has failed for good, too.
    """

    parameters: Path
    outputs: Outputs
    asked: Overrides
    test_to: str | None = None
    dry: bool = False
    wait: bool = False
    retry_failed: bool = False

    @property
    def is_rehearsal(self) -> bool:
        """Whether nobody else gets anything."""
        return self.dry or bool(self.test_to)

    def plan(self) -> list[PlannedMail]:
        """What goes to whom, by the parameter files.

        Raises:
            ParameterError: They are wrong.
        """
        file = reports_file(self.parameters, self.asked)
        return mail_plan(read_recipients(self.parameters), file, self.asked, self.outputs)

    def send(self, on_line: Callable[[Line], object]) -> tuple[list[MailStatus], bool]:
        """Send or rehearse it.

        Args:
            on_line: Called with the result of each message, in a line.

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
        wanted = PLANNED if self.dry else DONE
        return statuses, all(one.state in wanted for one in statuses) and (well or not self.dry)

    def _lines(self, planned: Sequence[PlannedMail]) -> Iterator[Line]:
        recipients = read_recipients(self.parameters)
        again = states_again(recipients, self.retry_failed)
        with pictures(self.outputs) as drawn:
            writer = Writer(recipients, self.outputs, drawn, Clock(), self.test_to, self.dry)
            if self.is_rehearsal:
                yield from (send_all if self.test_to else dry_run)(planned, writer, again)
            else:
                for result in send_planned(planned, writer, again, self.wait):
                    yield Line(str(result), result.state == "sent")
