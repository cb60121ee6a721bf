"""Who gets what: nobody sees more than they may, and what is wrong is told in a sentence."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from insights_lib.errors import ParameterError
from insights_lib.parameters.addresses import check_address, clean_name, clean_text
from insights_lib.parameters.recipients_yml import Person, RecipientsFile, read_recipients
from insights_lib.parameters.reports_yml import Partner, ReportsFile
from insights_lib.parameters.requests import Overrides, specs_for
from insights_lib.parameters.schedule_yml import Group
from insights_lib.parameters.spec import Filters, ReportSpec
from insights_lib.parameters.validation import validated
from insights_lib.run import run
from tests.support.mailing import (
    AS_OF,
    ELSEWHERE,
    RANGE,
    content_of,
    insights,
    person,
    rendered,
    working_in,
)

UNSEEN = ("\r", "\n", "\0", *"\u200b\u2028\u2029\u0085\u202e\u2066\u200f\u00ad")
SMTP = {"host": "mail.example.com", "port": 587, "security": "starttls"}


def recipients(*people: dict[str, Any], **others: Any) -> RecipientsFile:
    values = {
        "sender": "reports@example.com",
        "allowed_domains": ["example.com"],
        "smtp": SMTP,
        "partners": {"1": list(people)},
        **others,
    }
    return validated(RecipientsFile, values, "recipients.yml")


def spec_of(partner_filters: dict[str, list[str]], **of_person: Any) -> ReportSpec:
    """The report that a person gets of a partner with filters of its own."""
    file = ReportsFile(partners=[Partner(id="1", filters=partner_filters)])
    [spec] = specs_for(recipients(person("a", **of_person)), file, Overrides())
    return spec


def wrong(**values: Any) -> str:
    with pytest.raises(ParameterError) as refused:
        recipients(person("a"), **values)
    return str(refused.value)


# Who may see what


def test_locations_lie_within_the_filters_of_the_partner_and_of_the_person() -> None:
    spec = spec_of(
        {"partner_location": ["Oslo", "Bergen"], "product": ["Azure", "Office 365"]},
        filters={"partner_location": ["BERGEN", "oslo"], "product": ["azure"]},
        locations=["bergen", "Tromsø"],
    )
    assert spec.filters == Filters(partner_location=("bergen",), product=("azure",))
    assert spec.variant


@pytest.mark.parametrize(
    ("partners", "persons"),
    [
        ({"partner_location": ["Oslo"]}, {"locations": ["Bergen"]}),
        ({}, {"filters": {"partner_location": ["Oslo"]}, "locations": ["Bergen"]}),
        ({"product": ["Azure"]}, {"filters": {"product": ["Office 365"]}}),
    ],
)
def test_who_would_see_nothing_is_refused(partners: Any, persons: Any) -> None:
    with pytest.raises(ParameterError, match=r"partner 1, a@example.com: none of .* be left"):
        spec_of(partners, **persons)


def test_people_of_a_partner_that_is_not_listed_get_nothing_rather_than_everything() -> None:
    with pytest.raises(
        ParameterError, match=r"partner 1 of recipients\.yml is not in reports\.yml"
    ):
        specs_for(recipients(person("a")), ReportsFile(partners=[Partner(id="2")]), Overrides())


def test_who_may_see_all_gets_the_ordinary_report() -> None:
    filters = {"product": ["Office 365", "Azure"]}
    assert spec_of(filters) == spec_of(filters, filters={"product": ["Azure", "Office 365"]})
    assert spec_of(filters).variant == ""
    assert spec_of(filters).filters.texts() == ["product=Office 365", "product=Azure"]


def test_other_filters_or_another_language_is_another_report() -> None:
    asked = ({}, {"locale": "sv"}, {"locations": ["Oslo"]}, {"locations": ["Oslo", "Bergen"]})
    assert len({spec_of({}, **one).variant for one in asked}) == len(asked)


def test_the_same_locations_in_another_order_are_the_same_report() -> None:
    one, other = (spec_of({}, locations=list(o)) for o in (("B", "A"), ("A", "B", "B")))
    assert one == other


def test_a_person_without_a_word_on_locations_is_refused() -> None:
    with pytest.raises(ParameterError, match="locations"):
        recipients({"address": "a@example.com"})


@pytest.mark.parametrize("locations", [[], "", "Oslo", [""], [1], None, {}])
def test_locations_are_all_or_a_list(locations: Any) -> None:
    with pytest.raises(ParameterError, match="neither all nor a list"):
        recipients(person("a", locations=locations))


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what was rendered for one who may see one of two locations."""
    people = [person("a", locations=["oSLO"])]
    return rendered(tmp_path_factory.mktemp("limited") / "here", people)


def test_a_report_of_one_location_holds_nothing_of_another(limited: Path) -> None:
    [folder] = limited.glob("outputs/1/variants/*/*")
    assert folder.name == RANGE
    texts = {f: f.read_text(encoding="utf-8") for f in folder.rglob("*") if f.is_file()}
    assert len(texts) > 15
    content = content_of(texts[folder / "report.html"])
    texts[Path("rows")] = json.dumps(content)
    for file, text in texts.items():
        assert not [word for word in ELSEWHERE if word in text], file
    assert content["rows"]["values"]["partner_location"] == ["Oslo"]
    assert sum(content["rows"]["rows"]["customer"]) == 2  # numbers 0 to 2, as differences
    summary = texts[folder / "data" / "summary.csv"]
    assert "\ncurrent_customers,3," in summary.replace("\r", "")
    manifest = json.loads(texts[folder / "manifest.json"])
    assert manifest["parameters"]["filters"] == ["partner_location=oSLO"]


def test_the_partners_own_report_holds_everything(limited: Path) -> None:
    page = (limited / "outputs" / "1" / RANGE / "report.html").read_text(encoding="utf-8")
    assert content_of(page)["rows"]["values"]["partner_location"] == ["Bergen", "Oslo"]


@pytest.mark.parametrize(
    ("options", "variants"),
    [([], 1), (["--filter", "product=Azure"], 0), (["--locale", "sv"], 0), (["--partner", "2"], 0)],
)
def test_what_recipients_get_is_rendered_with_the_rest_unless_something_else_is_asked_for(
    options: list[str], variants: int, limited: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[ReportSpec] = []
    monkeypatch.setattr(
        run, "run_reports", lambda planned, *_: asked.extend(p.spec for p in planned) or []
    )
    with working_in(limited):
        assert insights("run", "--as-of", AS_OF, "--force", *options).exit_code == 0
    assert len([spec for spec in asked if spec.variant]) == variants
    assert len([spec for spec in asked if not spec.variant]) == 1


# What may stand in a header


@pytest.mark.parametrize("character", UNSEEN)
def test_a_name_with_a_character_that_is_not_seen_is_refused(character: str) -> None:
    for field in ("sender_name",):
        assert ascii(character) in wrong(**{field: f"Par{character}tner"})
    with pytest.raises(ParameterError, match="write it without"):
        recipients(person("a", name=f"An{character}na"))
    with pytest.raises(ParameterError, match="the subject holds the character"):
        clean_text(f"Bcc:{character}", "the subject")


@pytest.mark.parametrize(
    "name", ["a@b.example", "a＠b.example", "a﹫b.example", "=?utf-8?q?a=40b?="]
)
def test_a_name_that_would_be_read_as_an_address_is_refused(name: str) -> None:
    with pytest.raises(ParameterError):
        clean_name(name)


def test_a_name_has_an_end() -> None:
    with pytest.raises(ParameterError, match="80 characters"):
        recipients(person("a", name="n" * 81))


@pytest.mark.parametrize("name", ["Åsa Öberg", 'O\'Neil, "Bo" (Sales)', "王小明", "=1+1", ""])
def test_the_names_that_people_have_are_taken(name: str) -> None:
    assert clean_name(name) == name


@pytest.mark.parametrize(
    "address",
    [
        *("a", "@example.com", "a@", "a b@example.com", "a@example.com\n", "<a@example.com>"),
        *("a@b@example.com", "å@example.com", "a@example.com>", "a@example.com\r\nBcc: b@x.com"),
        *("a,b@example.com", "(a)b@example.com", "a..b@example.com", '"a"@example.com'),
        *("a;b@example.com", "a:b@example.com", "ops<x>@example.com", "a@exa_mple.com"),
        *("Ann <a@example.com>", "a@[192.0.2.1]", "a@ｅxample.com", "a@åland.example.com"),
    ],
)
def test_an_address_that_could_be_read_in_another_way_is_refused(address: str) -> None:
    with pytest.raises(ParameterError, match=r"partners\.1\.0\.address: .*write name@domain"):
        recipients({"address": address, "locations": "all"})
    with pytest.raises(ParameterError, match=r"sender: .*write name@domain"):
        recipients(sender=address)
    group = {"partners": "all", "cron": "0 6 5 * *", "time_zone": "UTC", "alert_to": address}
    with pytest.raises(ParameterError, match=r"alert_to: .*write name@domain"):
        validated(Group, group)


@pytest.mark.parametrize(
    "address",
    [
        *("o'neil+reports@example.com", "POSTMASTER@EXAMPLE.COM", "a@mail.corp.local"),
        *("a@xn--land-poa.example.com", f"{'a' * 64}@example.com", "a/b=c#d@localhost"),
    ],
)
def test_an_address_that_servers_take_is_taken_as_it_is(address: str) -> None:
    """No name server is asked, and the domains of a company's own network are taken."""
    assert check_address(address) == address


# The file


@pytest.mark.parametrize(
    "address", ["a@example.org", "a@sub.example.com", "a@example.com.evil.org", "a@xexample.com"]
)
def test_an_address_outside_the_allowed_domains_is_refused(address: str) -> None:
    with pytest.raises(ParameterError, match=r"in none of the allowed_domains: example\.com"):
        recipients({"address": address, "locations": "all"})


def test_domains_are_compared_without_case() -> None:
    people = ({"address": "a@EXAMPLE.com", "locations": "all"},)
    assert recipients(*people, allowed_domains=["Example.COM"]).partners["1"]


def test_a_link_needs_to_know_where_reports_are_served() -> None:
    with pytest.raises(ParameterError, match="no base_url"):
        recipients(person("a", how="link"))
    assert recipients(person("a", how="link"), base_url="https://reports.example.com/x")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"allowed_domains": []}, "allowed_domains"),
        ({"base_url": "javascript:alert(1)"}, "base_url"),
        ({"base_url": "https://x y"}, "base_url"),
        ({"base_url": "https://x/?d=1"}, "is not an address of a folder on the web"),
        ({"base_url": "https://x/#top"}, "is not an address of a folder on the web"),
        ({"base_url": "https://user:pw@x/"}, "is not an address of a folder on the web"),
        ({"partners": {"1": [person("a" * 65)]}}, "too long before the @-sign"),
        ({"partners": {"1": [{**person("a"), "locations": []}]}}, "one or more partner locations"),
        ({"unsubscribe": "https://x>\r\nBcc: a"}, "unsubscribe"),
        ({"unsubscribe": "mailto:a@b\n"}, "unsubscribe"),
        ({"largest_message_mb": 0}, "largest_message_mb"),
        ({"largest_message_mb": float("nan")}, "largest_message_mb"),
        ({"smtp": {**SMTP, "password": "secret"}}, "'password' is none of: host, port"),
        ({"smtp": {**SMTP, "security": "none"}}, "'starttls' or 'tls'"),
        ({"alowed_domains": ["x"]}, "did you mean 'allowed_domains'?"),
        ({"partners": {"../1": []}}, "no partner id"),
        ({"partners": {"1": [person("a", how="fax")]}}, "partners.1.0.how"),
        ({"partners": {"1": [person("a", nam="A")]}}, "did you mean 'name'?"),
        ({"partners": {"1": [person("a", locale="no")]}}, "locale 'no' is none of: en, sv, de, fr"),
        ({"partners": {"1": [person("a", filters={"x": ["y"]})]}}, "'x' is none of: product"),
        ({"partners": {"1": [person("a", range="last_week")]}}, "is none of: last_3_months"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(values: Any, said: str) -> None:
    assert said in wrong(**values)


def test_the_message_for_a_wrong_file_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"recipients\.yml: no such file; it says who"):
        read_recipients(tmp_path)
    content = {"sender": "a@b", "allowed_domains": ["b"], "smtp": SMTP}
    for people in ([{"address": "x\ny@b", "locations": "all"}], [{"address": "a@c"}]):
        text = yaml.safe_dump({**content, "partners": {"1": people}})
        (tmp_path / "recipients.yml").write_text(text, encoding="utf-8")
        with pytest.raises(ParameterError, match=r"recipients\.yml: .*\.$"):
            read_recipients(tmp_path)


def test_a_person_is_what_the_file_says_by_default() -> None:
    one = Person(address="a@example.com", locations="all")  # type: ignore[arg-type]
    assert (one.how, one.message, one.updates, one.locations) == ("attached", "own", False, ())
