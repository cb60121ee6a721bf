"""`parameters/recipients.yml`: who gets which report, and how mail is sent."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from insights_lib.errors import ParameterError
from insights_lib.parameters.addresses import (
    LONGEST_NAME,
    Address,
    check_address,
    clean_name,
    is_allowed,
)
from insights_lib.parameters.reports_yml import FilterLists
from insights_lib.parameters.spec import Locale, PartnerId, RangeText
from insights_lib.parameters.validation import Strict, read_yaml, validated

MEGABYTE = 1_000_000


def _domain(text: str) -> str:
    check_address(f"a@{text}")
    return text.lower()


def _of_form(pattern: str, what: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ParameterError(f"{text!r} is {what}")
        return text

    return AfterValidator(check)


def _places(value: object) -> object:
    if value == "all":
        return ()
    if isinstance(value, list) and value and all(isinstance(v, str) and v.strip() for v in value):
        return tuple(v.strip() for v in value)
    raise ParameterError(f"{value!r} is neither all nor a list of one or more partner locations")


Name = Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(clean_name)]
_HOST = _of_form(
    r"[A-Za-z0-9:-]{1,63}(\.[A-Za-z0-9-]{1,63})*",
    "not a name of a server such as smtp.example.com",
)
_WEB_FOLDER = _of_form(
    r'https?://[!"$->A-~]+',  # printable, but for ?, # and @
    "not an address of a folder on the web such as https://reports.example.com",
)
_WAY_OUT = _of_form(
    r"(mailto:|https://)[!-;=?-~]+",  # printable, but for < and >
    "neither a web address that begins with https:// nor one such as mailto:stop@example.com",
)


class SmtpServer(Strict):
    """A mail server and how to use it.

    Attributes:
        host: Name or address; the certificate must be for it.
        port: Usually 587 with `starttls` and 465 with `tls`.
        security: How the connection is encrypted: after a first command, or from the start.
        timeout_seconds: How long each step of the dialogue may take; a message takes ten of it
            at most.
        ca_file: Certificates to trust in place of the system's, for a private authority.
        messages_per_minute: How many messages to send at most.
        login: Whether to log in.
    """

    host: Annotated[str, _HOST]
    port: Annotated[int, Field(gt=0, lt=65536)]
    security: Literal["starttls", "tls"]
    timeout_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 30
    ca_file: Annotated[Path | None, Field(strict=False)] = None
    messages_per_minute: Annotated[int, Field(gt=0)] = 60
    login: bool = True


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
    smtp: SmtpServer
    base_url: Annotated[str, _WEB_FOLDER] | None = None
    largest_message_mb: float = Field(default=8, gt=0)
    resend_uncertain: bool = False
    unsubscribe: Annotated[str, _WAY_OUT] | None = None
    partners: dict[PartnerId, list[Person]] = Field(default={})

    @model_validator(mode="after")
    def _check(self) -> "RecipientsFile":
        for partner, people in self.partners.items():
            for person in people:
                who = f"partner {partner}: {person.address}"
                if not is_allowed(person.address, self.allowed_domains):
                    raise ParameterError(
                        f"{who} is in none of the allowed_domains: "
                        f"{', '.join(self.allowed_domains)}; add its domain or take it out."
                    )
                if person.how == "link" and not self.base_url:
                    raise ParameterError(
                        f"{who} gets a link, but no base_url tells where the reports are served."
                    )
        return self


def read_recipients(folder: Path) -> RecipientsFile:
    """`recipients.yml` of a parameters folder.

    Raises:
        ParameterError: The file is missing, not YAML, or wrong.
    """
    file = folder / "recipients.yml"
    content = read_yaml(file, "it says who gets which report, and begins with `sender:`")
    return validated(RecipientsFile, content, str(file))
