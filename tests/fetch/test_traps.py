"""What the API of Partner Center is known, or feared, to do."""

from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from insights_lib.store.ingest import ingest_file
from tests.support.fetching import Office
from tests.support.partner_center import LINK_SECRET, Fault

PROFILE = "2026-01-15_Profile_contoso.csv"


def fetched(at: Office) -> bool:
    """Whether the Profile came, by one query and one report that are gone now."""
    [result] = at.fetch("Profile")
    clean = at.center.reports == at.center.queries == {}
    return at.exports() == [PROFILE] and not result.failed and clean


def made(at: Office) -> tuple[int, int]:
    return at.center.posts("/ScheduledQueries"), at.center.posts("/ScheduledReport")


@pytest.mark.parametrize("bom", [False, True])
@pytest.mark.parametrize("pascal", [False, True])
def test_keys_in_either_case_with_or_without_bom(at: Office, pascal: bool, bom: bool) -> None:
    at.center.pascal, at.center.bom = pascal, bom
    assert fetched(at)


@pytest.mark.parametrize("inner", [False, True])
def test_a_refusal_within_200_is_a_refusal(at: Office, inner: bool) -> None:
    at.center.inner_status = inner
    del at.center.datasets["Profile"]["selectableColumns"][0]
    at.center.datasets["Profile"]["selectableColumns"].append({"ColumnName": "MPNId"})
    assert fetched(at)  # 404 of the look-ups, too
    at.center.faults = [
        Fault("POST", "/ScheduledQueries", 200, '{"Message":"Bad","StatusCode":400,"Value":null}')
    ]
    text = at.retell("Profile")
    assert text == "contoso Profile: ScheduledQueries: Partner Center answers 400: Bad."


def test_404_until_it_is_done(at: Office) -> None:
    at.center.unfinished, at.center.looks = "404", 3
    assert fetched(at)
    assert at.watch.waited == [15, 30, 45]
    assert made(at) == (1, 1)


def test_a_report_that_was_lost_is_asked_for_again_once(at: Office) -> None:
    at.center.looks = None
    at.deadline_minutes = 1
    at.fetch("Profile")
    at.center.reports.clear()
    at.center.looks = 1
    assert fetched(at)
    assert at.center.posts("/ScheduledReport") == 2


def test_pending_for_ever_ends_at_the_deadline_and_is_gone_on_with(at: Office) -> None:
    at.center.looks = None
    at.deadline_minutes = 10
    [result] = at.fetch("Profile")
    assert result.failed
    assert "is not ready after 10 minutes (Pending); fetch again" in result.text
    assert 600 <= sum(at.watch.waited) < 700
    at.center.looks = 1
    assert fetched(at)
    assert made(at) == (1, 1)


def test_what_is_pending_for_a_day_is_asked_for_again(at: Office) -> None:
    at.center.looks = None
    at.deadline_minutes = 10
    at.fetch("Profile")
    [old] = at.center.reports
    at.watch.moment += timedelta(hours=21)
    at.center.looks = 1
    [result] = at.fetch("Profile")
    assert not result.failed
    assert ("DELETE", f"/ScheduledReport/{old}") in at.center.calls
    assert at.center.posts("/ScheduledReport") == 2


def test_no_more_than_five_reports_begin_in_an_hour(at: Office) -> None:
    for _ in range(5):
        at.fetch("Profile")
    at.watch.waited.clear()
    [result] = at.fetch("Profile")
    assert not result.failed
    assert 3400 < sum(at.watch.waited) < 3700
    assert "Partner Center begins 5 reports an hour" in at.followed[-2] + at.followed[-3]
    assert len(at.center.reports) == 0
    # The limit was never met: no refused call.
    assert at.center.posts("/ScheduledReport") == 6


def test_a_quota_that_others_use_up_is_waited_for(at: Office) -> None:
    at.center.quota = 0
    at.deadline_minutes = 25
    [result] = at.fetch("Profile")
    assert result.failed
    assert "others have begun all reports that are allowed in an hour" in result.text
    at.center.quota = 5
    assert fetched(at)


def test_another_quota_is_told(at: Office) -> None:
    body = '{"message":"User has exceeded its report creation quota of 50 active reports"}'
    at.center.faults = [Fault("POST", "/ScheduledReport", 400, body)]
    assert "quota of 50 active reports" in at.retell("Profile")


def retry_after(at: Office, form: str) -> dict[str, str]:
    date = format_datetime(at.watch.moment + timedelta(seconds=40), usegmt=True)
    return {"seconds": {"Retry-After": "7"}, "date": {"Retry-After": date}}.get(form, {})


@pytest.mark.parametrize(("form", "wait"), [("seconds", 7), ("date", 40), ("nothing", 30)])
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/ScheduledDataset"), ("POST", "/ScheduledQueries"), ("POST", "/ScheduledReport")],
)
def test_429_waits_as_long_as_it_says(
    at: Office, form: str, wait: float, method: str, path: str
) -> None:
    at.center.faults = [Fault(method, path, 429, "", retry_after(at, form))]
    assert fetched(at)
    assert wait in at.watch.waited


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("path", ["/ScheduledQueries", "/ScheduledReport"])
def test_a_post_that_failed_is_looked_for_before_it_is_sent_again(
    at: Office, path: str, done: bool
) -> None:
    at.center.faults = [Fault("POST", path, 500, "Internal error", done=done)]
    assert fetched(at)
    assert at.center.posts(path) == (1 if done else 2)
    calls = at.center.calls
    first = calls.index(("POST", path))
    assert ("GET", path) in (calls[first + 1], calls[first - 1])
    assert calls[first + 1] == ("GET", path)


def test_500_once_is_not_the_end_and_500_for_ever_is(at: Office) -> None:
    at.center.faults = [
        Fault("GET", "/ScheduledDataset", 500),
        Fault("GET", "/ScheduledReport/", 503),
    ]
    assert fetched(at)
    at.center.faults = [Fault("GET", "/ScheduledDataset", 500) for _ in range(9)]
    text = at.retell("Profile")
    assert text == (
        "contoso: Partner Center answers 500, 4 times; try again later, and if it stays so, "
        "ask its support."
    )


def test_401_renews_the_token_once(at: Office) -> None:
    at.center.entra.valid.clear()
    assert fetched(at)
    assert len(at.center.entra.asked) == 2
    at.center.faults = [Fault("GET", "/ScheduledDataset", 401) for _ in range(2)]
    assert "although it was renewed" in at.retell("Profile")
    assert len(at.center.entra.asked) == 3


def test_401_in_the_middle_of_a_fetch_does_not_repeat_a_post(at: Office) -> None:
    at.center.faults = [Fault("POST", "/ScheduledReport", 401)]
    assert fetched(at)
    assert len(at.center.bodies) == 2  # that of the query and that of the report


def test_missing_mfa_is_not_answered_with_new_tokens(at: Office) -> None:
    at.center.lacks_mfa = True
    assert "wants a sign-in with MFA; run insights login" in at.retell("Profile")
    assert len(at.center.entra.asked) == 1


def test_403_tells_of_the_role(at: Office) -> None:
    at.center.faults = [Fault("GET", "/ScheduledDataset", 403)]
    assert "role Executive report viewer is needed" in at.retell("Profile")


def test_a_gateway_has_other_words(at: Office) -> None:
    body = '{"code":2000,"description":"No way &sig=abc eyJhbGciOiJub25lIn0.e30.x","source":"FD"}'
    at.center.faults = [Fault("GET", "/ScheduledDataset", 400, body)]
    assert (
        at.retell() == "contoso: ScheduledDataset: Partner Center answers 400: No way &… … (2000)."
    )


WITHOUT_RECORDS = "Partner Center answers without what was asked for: "


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("{}", WITHOUT_RECORDS + "{}; try again later"),
        ('{"value": null, "message": "Sorry."}', WITHOUT_RECORDS + "Sorry; try again later"),
        ('{"value": ["Profile"]}', WITHOUT_RECORDS),
        ('{"value": {"datasetName": "Profile"}}', WITHOUT_RECORDS),
        (
            '{"code":2000,"description":"No way","data":[],"source":"PartnerFD"}',
            WITHOUT_RECORDS + "No way (2000); try again later",
        ),
        (
            '{"value":[],"message":"Invalid query","statusCode":"400"}',
            "Partner Center answers 400: Invalid query.",
        ),
    ],
)
def test_an_answer_without_records_is_no_empty_list(at: Office, body: str, what: str) -> None:
    at.center.faults = [Fault("GET", "/ScheduledDataset", 200, body)]
    [result] = at.fetch()
    assert result.failed
    assert f"contoso: ScheduledDataset: {what}" in str(result)


@pytest.mark.parametrize("paging", ["absolute", "relative", "looping"])
def test_all_pages_are_read(at: Office, paging: str) -> None:
    at.center.paging = paging
    assert fetched(at)


def test_no_other_server_gets_the_token(at: Office) -> None:
    at.center.paging = "elsewhere"
    assert "on another server; it gets no token" in at.retell("Profile")


def test_a_redirect_of_the_api_is_not_followed(at: Office) -> None:
    to = {"Location": f"{at.center.url}/blob/r-1.csv"}
    at.center.faults = [Fault("GET", "/ScheduledDataset", 302, "", to)]
    assert "perhaps a proxy or a sign-in page" in at.retell("Profile")
    assert at.center.downloads == []


def test_stale_system_queries_are_left_alone(at: Office) -> None:
    at.center.looks = None
    at.deadline_minutes = 1
    at.fetch("Profile")
    [own] = at.center.queries.values()
    at.center.reports.clear()
    at.center.queries.clear()
    stale = at.center.add_query(own["name"], own["query"], "system")
    at.center.looks = 1
    at.fetch("Profile")
    assert [*at.center.queries.values()] == [stale]


@pytest.mark.parametrize("status", ["Paused", "Active", "Inactive"])
def test_of_two_reports_of_a_name_the_latest_usable_is_taken(at: Office, status: str) -> None:
    at.center.looks = None
    at.deadline_minutes = 1
    at.fetch("Profile")
    [report] = at.center.reports.values()
    other = at.center.add_report(report["reportName"], report["queryId"], status)
    other["createdTime"] = "2026-01-15T06:00:59Z"
    (at.folder / "fetch/contoso.json").unlink()  # killed before it was noted
    at.center.looks = 1
    at.fetch("Profile")
    assert at.center.posts("/ScheduledReport") == 1
    left = [*at.center.reports.values()]
    assert left == ([other] if status == "Paused" else [report])


def test_a_download_is_not_tried_again_at_once(at: Office) -> None:
    at.center.delivery, at.center.bad_deliveries, at.center.looks = "busy", None, 0
    [result] = at.fetch("Profile")
    assert result.failed
    assert "the download answers 503" in result.text
    assert len(at.center.downloads) == 3
    assert at.watch.waited == [15, 30]
    assert "is tried again: the download answers 503" in at.followed[-1]


@pytest.mark.parametrize("delivery", ["expired", "cut", "busy", "part", "endless"])
def test_a_link_that_fails_is_replaced_by_another(at: Office, delivery: str) -> None:
    at.center.delivery, at.center.bad_deliveries = delivery, 1
    assert fetched(at)
    assert len(at.center.downloads) == 2


@pytest.mark.parametrize(
    ("delivery", "what"),
    [
        ("expired", "the download link has expired (403)"),
        ("cut", "the download has 58 bytes of 116; try again"),
        ("part", "the download answers 206, which is not the whole export"),
        ("endless", "does not say where it ends, so it may be cut"),
        ("html", "is a web page, perhaps of a sign-in"),
        ("damaged", "gzip that is cut"),
        ("columns", "other columns than were asked for: partnername, surprise"),
        ("loop", "sent from one address to the next"),
        ("insecure", "leads to an address without TLS"),
    ],
)
def test_what_is_not_the_export_is_put_nowhere(at: Office, delivery: str, what: str) -> None:
    at.center.delivery, at.center.bad_deliveries = delivery, None
    at.center.rows = 20_000 if delivery == "damaged" else 1  # so that its start is well
    [result] = at.fetch("Profile")
    assert result.failed
    assert what in result.text
    assert LINK_SECRET not in result.text
    assert at.exports() == []


@pytest.mark.parametrize("delivery", ["gzip", "encoded"])
def test_gzip_stays_gzip(at: Office, delivery: str) -> None:
    at.center.delivery, at.center.bad_deliveries = delivery, None
    [result] = at.fetch("OfficeUsage")
    assert at.exports() == ["2026-01-15_OfficeUsage_contoso.csv.gz"]
    assert "2024-01 to 2025-12, 26 rows" in result.text


def test_an_export_with_tabs_is_taken_too(at: Office, tmp_path: Path) -> None:
    at.center.format = "tsv"
    [result] = at.fetch("OfficeUsage")
    assert "2024-01 to 2025-12, 26 rows" in result.text
    [file] = (tmp_path / "exports").iterdir()
    [ingested] = ingest_file(file, tmp_path / "store")
    assert ingested.rows_kept == 26


def test_an_export_that_cannot_be_counted_has_failed(at: Office, tmp_path: Path) -> None:
    at.center.file = tmp_path / "cut.csv"
    columns = ",".join(at.center.datasets["Profile"]["selectableColumns"])
    at.center.file.write_text(f"{columns}\r\n" + "1,a,2,b,c,d\r\n" * 9 + "1,a,2")
    [result] = at.fetch("Profile")
    assert result.failed
    assert "cannot be counted, perhaps as it was cut; fetch again" in result.text
    assert at.exports() == []
    assert at.center.reports  # it can be had again


def test_a_header_alone_is_told_and_put_nowhere(at: Office) -> None:
    at.center.delivery, at.center.bad_deliveries = "header", None
    [result] = at.fetch("Profile")
    assert result.text == "0 rows; no file is written"
    assert not result.failed
    assert at.exports() == []


def test_the_download_does_not_tell_who_asks(at: Office) -> None:
    at.fetch("Profile")
    [headers] = at.center.downloads
    assert not {"authorization", "content-type", "cookie"} & set(headers)
    assert headers["accept-encoding"] == "gzip"


def test_redacted_data_is_told(at: Office) -> None:
    at.center.redacted = True
    text = at.retell("CustomersAndTenants")
    assert "revenue is missing, as the user is not an Executive report viewer" in text


def test_columns_and_months_are_asked_for_as_offered(at: Office, tmp_path: Path) -> None:
    at.center.datasets["OfficeUsage"]["availableDateRanges"] = ["LAST_MONTH", "LAST_1_YEAR"]
    at.center.datasets["Profile"]["selectableColumns"] = []
    del at.center.datasets["CustomersAndTenants"]["selectableColumns"][7]  # CustomerStatus
    text = at.retell()
    query, report = at.center.bodies
    assert query["Query"].endswith("IsDuplicateRowForPGA FROM OfficeUsage TIMESPAN LAST_1_YEAR")
    assert report["QueryStartTime"] == "2024-01-01T00:00:00Z"
    assert report["ExecuteNow"] is True
    assert "Profile is offered without any column" in text
    assert "CustomersAndTenants is offered with other columns; reports cannot use it" in text
    assert "AzureUsage: is not offered to this user" in text
