"""Alerts: an owner is told of a failure once, also if the server's answer is lost."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from insights_lib.errors import MailError
from insights_lib.mail.delivery import MailSettings
from insights_lib.mail.send import send_note
from insights_lib.outputs import Outputs
from insights_lib.parameters.schedule_yml import Plan
from insights_lib.parameters.validation import validated
from insights_lib.schedule.scheduler import StepResult, run_due, tell_owners
from insights_lib.schedule.windows import recording
from tests.support.mailing import parsed
from tests.support.smtp_server import DROP, HANG, TAKE_AND_DROP, MailServer, ca_file
from tests.sweeps.deliveries import settings_by

NOW = datetime(2025, 6, 5, 6, 1, tzinfo=UTC)
GROUP = {
    "partners": "all",
    "cron": "0 6 * * *",
    "time_zone": "UTC",
    "steps": ["run"],
    "alert_to": "ops@example.com",
    "grace_hours": 6,
}
Tell = Callable[[datetime], list[str]]


@pytest.fixture
def settings(server: MailServer, tmp_path: Path) -> MailSettings:
    return settings_by(server, ca_file(tmp_path), timeout_seconds=0.5)


@pytest.fixture
def tell(settings: MailSettings, tmp_path: Path) -> Iterator[Tell]:
    """Tells the owner of a window that has failed, at a moment; returns what could not be told."""
    plan = validated(Plan, {"groups": {"g": GROUP}})

    def alert(address: str, subject: str, text: str) -> None:
        send_note(settings, "Partner Insights", address, (subject, text))

    with recording(Outputs(tmp_path / "outputs")) as record:
        run_due(
            plan, lambda: NOW, {"run": lambda _window, _group: StepResult(("no data.",))}, record
        )
        yield lambda now: tell_owners(plan, now, alert, record)


def test_an_alert_says_what_failed(tell: Tell, server: MailServer) -> None:
    assert tell(NOW) == []
    [one] = server.received
    message = parsed(one.content)
    assert one.recipients == ("ops@example.com",)
    assert str(message["Subject"]) == "Partner Insights: g failed"
    assert "- run: no data." in message.get_content()


@pytest.mark.parametrize("verdict", [DROP, TAKE_AND_DROP, HANG, "what?"])
def test_an_alert_whose_answer_is_lost_counts_as_told(
    verdict: str, tell: Tell, server: MailServer
) -> None:
    server.fails("dot", verdict)
    for call in range(5):
        assert tell(NOW + timedelta(minutes=call)) == []
    server.works()
    assert tell(NOW + timedelta(hours=7)) == []
    assert server.count("dot") == 1


@pytest.mark.parametrize(
    ("step", "verdict"), [("dot", "451 4.3.0 later"), ("RCPT", "550 5.1.1 no"), ("DATA", DROP)]
)
def test_an_owner_who_was_not_told_is_told_next_time(
    step: str, verdict: str, tell: Tell, server: MailServer
) -> None:
    server.fails(step, verdict)
    [sentence] = tell(NOW)
    assert sentence.startswith("ops@example.com could not be told, and is next time: ")
    server.works()
    assert tell(NOW + timedelta(minutes=1)) == []
    assert tell(NOW + timedelta(minutes=2)) == []
    assert len(server.received) == 1


def test_a_note_goes_to_allowed_domains_only(settings: MailSettings, server: MailServer) -> None:
    with pytest.raises(MailError, match="in none of the allowed_domains"):
        send_note(settings, "Partner Insights", "ops@example.org", ("failed", "text"))
    assert server.steps == []
