"""`parameters/recipients.yml`: who gets which report, and how mail is sent."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from email.errors import HeaderParseError
from email.headerregistry import Address as Mailbox
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from insights_lib.errors import MailError, ParameterError
from insights_lib.mail.login import Server
from insights_lib.mail.smtp import check_address, is_allowed
from insights_lib.parameters.reports_yml import (
    Asked,
    FilterLists,
    ReportsFile,
    filter_texts,
    read_yaml,
    report_specs,
)
from insights_lib.parameters.spec import (
    Filters,
    Locale,
    PartnerId,
    RangeText,
    ReportSpec,
    Strict,
    validated,
)

MEGABYTE = 1_000_000
LONGEST_NAME = 80  # characters of a name in a header; a line there has an end
# Characters that end a header, hide in it, turn its direction, or cannot be written.
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def is_unseen(character: str) -> bool:
    """Whether a character ends a line, hides in it, turns its direction, or cannot be written."""
    return unicodedata.category(character) in _UNSEEN


def clean_text(text: str, what: str) -> str:
    """A text that may stand in a header or a file name, as it is.

    Raises:
        MailError: It holds a character that no name has, such as a line feed, or looks encoded.
    """
    if "=?" in text:  # whoever reads the header would decode it, to anything
        raise MailError(f"{what} holds '=?', which begins an encoded text; write it without.")
    for character in text:
        if is_unseen(character):
            raise MailError(
                f"{what} holds the character {character!a}, which cannot stand in a mail's "
                "header; write it without."
            )
    return text


def clean_name(name: str) -> str:
    """A display name that cannot be taken for an address.

    Raises:
        MailError: It holds an `@`, or a character that no name has.
    """
    what = f"the name {name[:LONGEST_NAME]!r}"
    if "@" in unicodedata.normalize("NFKC", name):
        raise MailError(f"{what} holds an '@' and could be taken for an address.")
    return clean_text(name, what)


def _address(text: str) -> str:
    check_address(text)
    with suppress(ValueError, HeaderParseError):
        if Mailbox(addr_spec=text).addr_spec == text:
            return text
    raise MailError(
        f"{text!r} would be read as another address in a mail's header; write name@domain "
        "without commas, brackets and quotes."
    )


def _domain(text: str) -> str:
    check_address(f"a@{text}")
    return text.lower()


def _web_page(text: str) -> str:
    if not re.fullmatch(r"https?://[!-~]+", text) or set(text) & set("?#@"):
        raise ParameterError(
            f"{text!r} is no address of a folder on the web such as https://reports.example.com"
        )
    return text


def _way_out(text: str) -> str:
    if not re.fullmatch(r"(mailto:|https://)[!-;=?-~]+", text):
        raise ParameterError(
            f"{text!r} is neither a web address that begins with https:// nor one such as "
            "mailto:stop@example.com"
        )
    return text


def _places(value: object) -> object:
    if value == "all":
        return ()
    if isinstance(value, list) and value and all(isinstance(v, str) and v.strip() for v in value):
        return tuple(v.strip() for v in value)
    raise ParameterError(f"{value!r} is neither all nor a list of one or more partner locations")


Address = Annotated[str, AfterValidator(_address)]
Name = Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(clean_name)]


class Person(Strict):
    """Somebody who gets a partner's report; what is not given is as in `reports.yml`.

    Attributes:
        address: Where to.
        name: How the message names them.
        locale: Language of message and report.
        range: The months, a preset or two months.
        filters: Page filters, within those of the partner.
        locations: The partner locations that they may see; empty = all, which the file calls so.
        how: Whether the report is attached, or linked to.
        message: Whether they get a message of their own, or stand as a copy on the first one
            that brings the same report.
        updates: Whether they get a report again when the data of its months has changed.
    """

    address: Address
    name: Name = ""
    locale: Locale | None = None
    range: RangeText | None = None
    filters: FilterLists = Field(default={})
    locations: Annotated[tuple[str, ...], BeforeValidator(_places)]
    how: Literal["attached", "link"] = "attached"
    message: Literal["own", "copy"] = "own"
    updates: bool = False


class RecipientsFile(Strict):
    """`parameters/recipients.yml`.

    Attributes:
        sender: Address that mail comes from.
        sender_name: Its display name.
        allowed_domains: Mail goes to addresses of these domains only.
        smtp: The mail server.
        base_url: Where the folder `_linked` of the outputs is served, for links.
        largest_message_mb: What a message may have; a larger one carries a link instead.
        resend_uncertain: Whether to send again what may have been sent.
        unsubscribe: For the header List-Unsubscribe: an address or a web page.
        partners: The people by partner id.
    """

    sender: Address
    sender_name: Name = "Partner Insights"
    allowed_domains: Annotated[
        tuple[Annotated[str, AfterValidator(_domain)], ...], Field(min_length=1, strict=False)
    ]
    smtp: Server
    base_url: Annotated[str, AfterValidator(_web_page)] | None = None
    largest_message_mb: float = Field(default=8, gt=0)
    resend_uncertain: bool = False
    unsubscribe: Annotated[str, AfterValidator(_way_out)] | None = None
    partners: dict[PartnerId, list[Person]] = Field(default={})

    @model_validator(mode="after")
    def _check(self) -> "RecipientsFile":
        for partner, people in self.partners.items():
            for person in people:
                if not is_allowed(person.address, self.allowed_domains):
                    raise ParameterError(
                        f"partner {partner}: {person.address} is in none of the allowed_domains: "
                        f"{', '.join(self.allowed_domains)}; add its domain or take it out."
                    )
                if person.how == "link" and not self.base_url:
                    raise ParameterError(
                        f"partner {partner}: {person.address} gets a link, but no base_url tells "
                        "where the reports are served."
                    )
        return self


def read_recipients(folder: Path) -> RecipientsFile:
    """Read and check `recipients.yml` of a parameters folder.

    Raises:
        ParameterError: The file is missing, is no YAML, or holds something unknown or wrong.
    """
    file = folder / "recipients.yml"
    content = read_yaml(file, "it says who gets which report, and begins with `sender:`")
    try:
        return validated(RecipientsFile, content, str(file))
    except MailError as error:
        raise ParameterError(f"{file}: {error}") from error


def specs_for(recipients: RecipientsFile, file: ReportsFile, asked: Asked) -> list[ReportSpec]:
    """The reports that recipients get, each once.

    Raises:
        ParameterError: A recipient would get nothing, or a parameter is wrong.
    """
    specs = (spec for _, spec in wanted_specs(recipients, file, asked))
    found = {(spec.partner, spec.date_range, spec.variant): spec for spec in specs}
    return list(found.values())


def wanted_specs(
    recipients: RecipientsFile, file: ReportsFile, asked: Asked
) -> Iterator[tuple[Person, ReportSpec]]:
    """The people of the partners that are asked for, each with their report; see `specs_for`."""
    listed = {partner.id for partner in file.partners}
    for partner, people in recipients.partners.items():
        if not asked.partners or partner in asked.partners:
            if partner not in listed:
                raise ParameterError(
                    f"partner {partner} of recipients.yml is not in reports.yml, so nobody knows "
                    "what its people may see; list it there, or take its people out."
                )
            yield from ((person, _spec_for(partner, person, file, asked)) for person in people)


def _spec_for(partner: str, person: Person, file: ReportsFile, asked: Asked) -> ReportSpec:
    """The report that a person gets: never more than the partner's filters and theirs let through.

    Raises:
        ParameterError: Nothing is let through, or a parameter is wrong.
    """
    alone = Asked(
        partners=(partner,),
        date_range=person.range or asked.date_range,
        as_of=asked.as_of,
        locale=person.locale,
        store=asked.store,
    )
    ordinary = report_specs(file, Asked(partners=(partner,), as_of=asked.as_of, store=asked.store))
    wanted = report_specs(file, alone)[0]
    who = f"partner {partner}, {person.address}"
    inner = Filters.parse(filter_texts(person.filters))
    filters = _narrowed(wanted.filters, inner, who)
    filters = _narrowed(filters, Filters(partner_location=person.locations), who)
    # Whoever lists the same values in another order gets the same report.
    filters = _ordered(filters)
    if (filters, wanted.locale) == (_ordered(ordinary[0].filters), ordinary[0].locale):
        return wanted
    variant = _variant(filters, wanted.locale)
    return wanted.model_copy(update={"filters": filters, "variant": variant})


def _narrowed(outer: Filters, inner: Filters, who: str) -> Filters:
    """What passes both: a facet with values in both keeps those that are in both."""
    both: dict[str, tuple[str, ...]] = {}
    for facet, values in outer:
        wanted: Iterable[str] = getattr(inner, facet)
        allowed = {value.lower() for value in values}
        both[facet] = tuple(v for v in wanted if not values or v.lower() in allowed)
        if not wanted:
            both[facet] = values
        elif not both[facet]:
            raise ParameterError(
                f"{who}: none of {facet} {', '.join(wanted)} is among those allowed, "
                f"{', '.join(values)}; nothing would be left of the report."
            )
    return Filters(**both)


def _ordered(filters: Filters) -> Filters:
    return Filters(**{facet: tuple(sorted(set(values))) for facet, values in filters})


def _variant(filters: Filters, locale: str) -> str:
    parts = "\0".join([locale, *filters.texts()])
    return hashlib.sha256(parts.encode()).hexdigest()[:16]
