"""Rehearsals: messages as files that go nowhere, or all of them to one address."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from urllib.parse import quote

from insights_lib.disk import make_folder, write_whole
from insights_lib.errors import InsightsError, ParameterError
from insights_lib.mail.delivery import deliver_messages
from insights_lib.mail.ledger import ledger
from insights_lib.mail.plan import PlannedMail
from insights_lib.mail.send import mail_settings, mail_statuses_now, open_messages
from insights_lib.mail.writer import Writer
from insights_lib.outputs import Outputs
from insights_lib.parameters.addresses import check_address, is_allowed


class Line(NamedTuple):
    """What became of a message, in a line, and whether that is well."""

    text: str
    well: bool


def dry_run(
    planned: Sequence[PlannedMail], writer: Writer, again: Collection[str]
) -> Iterator[Line]:
    """Write the messages that would be sent as files, in place of those of the last dry run.

    Yields:
        For each message its file, or why it would be withheld.
    """
    statuses = mail_statuses_now(planned, writer.outputs)
    forget_dry_run(writer.outputs)
    for message in open_messages(writer, statuses, again):
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


def forget_dry_run(outputs: Outputs) -> None:
    """Delete the messages of the last dry run."""
    for file in outputs.dry_run.rglob("*.eml"):
        file.unlink()


def send_all(
    planned: Sequence[PlannedMail], writer: Writer, _again: Collection[str]
) -> Iterator[Line]:
    """Send everything to the writer's one address; the ledger of the outputs knows nothing of it.

    Yields:
        What became of each message, and what keeps others from being sent.

    Raises:
        ParameterError: Mail cannot, or may not, be sent to the address.
    """
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
        for result in deliver_messages(lambda: messages, book, settings, writer.clock):
            yield Line(str(result), well=result.state == "sent")
