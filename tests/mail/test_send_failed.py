"""`insights send`: a report whose last run failed is not sent, though the last good one stays."""

from collections.abc import Callable
from typing import Any

import pytest

from insights_lib.outputs import Failure, Manifest, failed_folder
from tests.support.mailing import OSLO, REPORT, person, send, states
from tests.support.smtp_server import MailServer

pytestmark = pytest.mark.kernels


def test_a_report_whose_last_run_failed_is_not_sent_until_a_run_succeeds(
    people: Callable[..., Any], server: MailServer
) -> None:
    good = Manifest.read(REPORT)
    assert good
    failed = failed_folder(REPORT)
    failed.mkdir(parents=True)
    failures = (Failure(section="01_summary", reason="its kernel died"),)
    good.model_copy(update={"status": "failed", "failures": failures}).write(failed)
    people(person("anna"), OSLO)
    result = send()
    assert result.exit_code == 1
    assert [one.recipients for one in server.received] == [("oslo@example.com",)]
    assert states() == {"anna": "not ready", "oslo": "sent"}
    assert "its kernel died; the last good report is of" in result.stdout
    (failed / "manifest.json").unlink()
    assert send().exit_code == 0
    assert states() == {"anna": "sent", "oslo": "sent"}
