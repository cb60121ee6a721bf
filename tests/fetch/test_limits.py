"""Nothing that Partner Center answers is without an end, in bytes or in time."""

import gzip
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, repeat

import httpx
import pytest

from insights_lib.fetch.download import new_client
from insights_lib.fetch.wire import LaterError, Wire
from insights_lib.timing import Clock
from tests.support.fetching import Office
from tests.support.partner_center import BASE, Fault

FLOOD = chain([b"\r\n"], repeat(b"10000\r\n" + b" " * (1 << 16) + b"\r\n"))
BOMB = gzip.compress(b" " * (64 << 20))
PACKED = {"Content-Encoding": "gzip"}
WHERE = "see the network, and api in fetch.yml."


def dripping(at: Office, *begin: bytes, piece: bytes = b"1\r\n \r\n") -> Iterator[bytes]:
    """Bytes without an end; whoever reads sees a second pass with each."""
    at.watch.pace = timedelta(seconds=1)
    return chain(begin, repeat(piece))


def wire(at: Office, clock: Clock, client: httpx.Client) -> Wire:
    return Wire("contoso", f"{at.center.url}{BASE}", partial(at.token, "contoso"), client, clock)


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        ({"pieces": FLOOD}, f"answers with more than 8 MB; {WHERE}"),
        ({"body": BOMB, "headers": PACKED}, f"answers with more than 8 MB; {WHERE}"),
        ({"body": "{}", "headers": PACKED}, f"answers with damaged gzip; {WHERE}"),
        ({"body": BOMB[:-9], "headers": PACKED}, f"answers with more than 8 MB; {WHERE}"),
        (
            {"body": "{}", "headers": {"Content-Encoding": "br"}},
            f"answers in a coding that was not asked for: 'br'; {WHERE}",
        ),
    ],
    ids=["flood", "bomb", "not packed", "cut bomb", "brotli"],
)
def test_an_answer_that_cannot_be_read_stops_no_other_tenant(
    at: Office, fault: dict[str, str], what: str
) -> None:
    at.tenants = {"contoso": {}, "fabrikam": {}}
    at.log_in("fabrikam")
    at.center.faults = [Fault("GET", "/ScheduledDataset", 200, **fault)]  # type: ignore[arg-type]
    first, second = map(str, at.fetch("Profile"))
    assert first == f"contoso: Partner Center {what}"
    assert second.startswith("fabrikam Profile: 26 rows")


@pytest.mark.parametrize("link", ["https://[::1", "a\0b", "https://x:y/"])
def test_a_next_page_without_an_address_is_told(at: Office, link: str) -> None:
    body = json.dumps({"value": [], "nextLink": link})
    at.center.faults = [Fault("GET", "/ScheduledDataset", 200, body)]
    assert "link to the next page is not an address" in at.retell("Profile")


def test_pages_have_a_limit_together(at: Office) -> None:
    page = '{"value": [], "nextLink": "ScheduledDataset?p=%d", "message": "%s"}'
    bodies = (page % (number, "x" * (3 << 20)) for number in range(4))
    at.center.faults = [Fault("GET", "/ScheduledDataset", 200, body) for body in bodies]
    assert "has more than 100 pages or 8 MB" in at.retell("Profile")
    assert len(at.center.faults) == 1


def test_an_answer_too_deep_for_a_reader_is_told(at: Office) -> None:
    at.center.faults = [Fault("GET", "/ScheduledDataset", 200, "[" * 200_000)]
    assert "what answers is not Partner Center" in at.retell("Profile")


@pytest.mark.parametrize("begin", [b"\r\n", b"X-Drip: "], ids=["body", "header"])
def test_an_answer_that_drips_ends_in_time(at: Office, begin: bytes) -> None:
    start, piece = at.watch.moment, b"x" if begin.strip() else b"1\r\n \r\n"
    drip = dripping(at, begin, piece=piece)
    at.center.faults = [Fault("GET", "/ScheduledDataset", 200, pieces=drip) for _ in range(9)]
    assert "Partner Center does not answer in time, once" in at.retell("Profile")
    assert at.watch.moment - start >= timedelta(minutes=2)
    assert len(at.center.faults) == 8


def test_an_answer_that_drips_ends_by_the_deadline(at: Office) -> None:
    end = at.watch.moment + timedelta(seconds=50)
    clock = Clock(at.watch.now, at.watch.sleep, end)
    at.center.faults = [Fault("GET", "/Scheduled", 200, pieces=dripping(at, b"\r\n"))]
    with new_client() as client:
        asked = wire(at, clock, client)
        with pytest.raises(Exception, match="does not answer in time, once"):
            asked.get("ScheduledDataset")
        assert at.watch.moment >= end
        with pytest.raises(LaterError, match="the time for this fetch is up"):
            asked.get("ScheduledDataset")
    assert len(at.center.calls) == 1
    assert at.watch.waited == []


def test_no_wait_is_longer_than_the_deadline(at: Office) -> None:
    clock = Clock(at.watch.now, at.watch.sleep, at.watch.moment + timedelta(seconds=20))
    at.center.faults = [Fault("GET", "/Scheduled", 429)]
    with new_client() as client, pytest.raises(LaterError, match="asked again at 06:00 UTC"):
        wire(at, clock, client).get("ScheduledDataset")
    assert at.watch.waited == []


def test_a_download_that_drips_is_given_up(at: Office) -> None:
    at.center.delivery, at.center.bad_deliveries = "dripping", None
    at.center.drip = partial(dripping, at, b"\r\n")
    [result] = at.fetch("Profile")
    assert result.failed
    assert "came to a stop, or is too slow" in result.text
    assert len(at.center.downloads) == 3
    at.center.delivery, at.watch.pace = "plain", timedelta(0)
    assert not at.fetch("Profile")[0].failed


def waits_for(at: Office, path: str, times: int) -> list[str]:
    """What is told if the first tenant is asked to wait for 15 minutes."""
    at.tenants, at.deadline_minutes = {"contoso": {}, "fabrikam": {}}, 70
    at.log_in("fabrikam")
    at.center.faults = [Fault("GET", path, 429, "", {"Retry-After": "900"}) for _ in range(times)]
    return [str(result).split(",")[0] for result in at.fetch("Profile")]


def test_who_is_asked_to_wait_takes_no_time_of_the_others(at: Office) -> None:
    begin: datetime = at.watch.moment
    told = waits_for(at, "/ScheduledQueries", 1)
    assert told == ["fabrikam Profile: 26 rows", "contoso Profile: 26 rows"]
    assert any("waits until 06:15 UTC, as Partner Center is busy" in text for text in at.followed)
    assert max(at.watch.waited) <= 60
    assert timedelta(minutes=15) < at.watch.moment - begin < timedelta(minutes=18)


def test_who_is_asked_to_wait_before_anything_is_known_is_told_so(at: Office) -> None:
    contoso, fabrikam = waits_for(at, "/ScheduledDataset", 1)
    assert contoso.startswith("contoso: Partner Center is busy; it may be asked again at 06:15 UTC")
    assert fabrikam == "fabrikam Profile: 26 rows"


def test_a_fetch_from_a_server_that_drips_ends_by_its_deadline(at: Office) -> None:
    at.deadline_minutes = 1
    start = at.watch.moment
    at.center.delivery, at.center.bad_deliveries, at.center.looks = "dripping", None, 0
    at.center.drip = partial(dripping, at, b"\r\n")
    [result] = at.fetch("Profile")
    assert result.failed
    assert (
        "is not ready after 1 minutes (is tried again: the download came to a stop" in result.text
    )
    assert timedelta(minutes=1) <= at.watch.moment - start < timedelta(minutes=2)
    assert len(at.center.downloads) == 1
