"""`insights send` and `insights forget` at once: nothing of a customer goes out once forgotten."""

from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from insights_lib.data_retention.forget import forget
from insights_lib.mail import writer as writing
from insights_lib.outputs import Outputs
from tests.support.mailing import REPORT, person, reason, send, states
from tests.support.smtp_server import MailServer

BASE = "https://reports.example.com"


class Forgetting:
    """A customer that is forgotten in a thread of its own, once it is begun."""

    def __init__(self, server: MailServer, folder: Path) -> None:
        self.server, self.folder = server, folder
        self.begun, self.done = Event(), Event()
        self.received = -1
        self.thread = Thread(target=self._forget, daemon=True)

    def _forget(self) -> None:
        forget("a", self.folder / "data/store", Outputs(self.folder / "outputs"))
        self.received = len(self.server.received)
        self.done.set()

    def begin(self) -> None:
        """Begin; it must wait for the message under way."""
        if not self.begun.is_set():
            self.begun.set()
            self.thread.start()
            assert not self.done.wait(0.5), "it is forgotten while a message tells of it"

    def end(self) -> None:
        self.thread.join(timeout=60)
        assert self.done.is_set()


@pytest.fixture
def forgetting(server: MailServer, here: Path) -> Forgetting:
    return Forgetting(server, here)


@pytest.mark.parametrize("moment", ["drawing", "RCPT", "DATA", "dot"])
@pytest.mark.parametrize("how", ["attached", "link"])
def test_a_message_under_way_is_waited_for_and_no_other_is_sent(
    moment: str,
    how: str,
    people: Callable[..., None],
    server: MailServer,
    forgetting: Forgetting,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ("anna", "bo", "cleo")
    people(*(person(name, how=how) for name in names), base_url=BASE)
    checked = writing.checked_report

    def drawing(planned: Any) -> Any:
        report = checked(planned)
        forgetting.begin()
        return report

    def fault(step: str, _argument: str) -> str:
        if step == moment:
            forgetting.begin()
        return ""

    if moment == "drawing":
        monkeypatch.setattr(writing, "checked_report", drawing)
    server.fault = fault
    assert send().exit_code == 1
    forgetting.end()
    assert forgetting.received == len(server.received) == 1
    assert not (REPORT / "report.html").exists()
    assert list(Path("outputs/_linked").glob("*")) == []
    assert states() == {"anna": "no update wanted", "bo": "not ready", "cleo": "not ready"}
    assert "the page is" in reason("bo")
    assert "the page is" in reason("cleo")


def test_a_dry_run_leaves_no_message_of_what_is_forgotten(
    people: Callable[..., None], forgetting: Forgetting, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(person("anna"), person("bo"))
    checked = writing.checked_report

    def drawing(planned: Any) -> Any:
        report = checked(planned)
        forgetting.begin()
        return report

    monkeypatch.setattr(writing, "checked_report", drawing)
    assert send("--dry-run").exit_code == 1
    forgetting.end()
    assert list(Path("outputs/_dry-run").rglob("*.eml")) == []


def test_a_message_waits_for_what_is_being_forgotten(
    people: Callable[..., None], server: MailServer, here: Path
) -> None:
    people(person("anna"))
    outputs = Outputs(here / "outputs")
    sent: list[int] = []
    thread = Thread(target=lambda: sent.append(send().exit_code), daemon=True)
    with outputs.forgetting():
        thread.start()
        thread.join(timeout=3)
        assert thread.is_alive()
        assert server.count("MAIL") == 0
        (REPORT / "report.html").unlink()
    thread.join(timeout=60)
    assert (sent, server.received) == ([1], [])
