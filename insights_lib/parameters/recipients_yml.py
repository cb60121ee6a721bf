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
from insights_lib.parameters.spec import Locale, PartnerId, RangeText, Role
from insights_lib.parameters.validation import Strict, only, read_yaml, validated

MEGABYTE = 1_000_000


def _domain(text: str) -> str:
    check_address(f"a@{text}")
    return text.lower()


def _places(value: object) -> object:
    if value == "all":
        return ()
    if isinstance(value, list) and value and all(isinstance(v, str) and v.strip() for v in value):
        return tuple(v.strip() for v in value)
    raise ParameterError(f"{value!r} is neither all nor a list of one or more partner locations")


Name = Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(clean_name)]
_HOST = only(
    re.compile(r"[A-Za-z0-9:-]{1,63}(\.[A-Za-z0-9-]{1,63})*").fullmatch,
    "{!r} is not a name of a server such as smtp.example.com",
)
_WEB_FOLDER = only(
    re.compile(r'https?://[!"$->A-~]+').fullmatch,  # printable, but for ?, # and @
    "{!r} is not an address of a folder on the web such as https://reports.example.com",
)
_WAY_OUT = only(
    re.compile(r"(mailto:|https://)[!-;=?-~]+").fullmatch,  # printable, but for < and >
    "{!r} is neither a web address that begins with https:// nor one such as "
    "mailto:stop@example.com",
)


class SmtpServer(Strict):
    """A mail server and how to use it."""

    host: Annotated[str, _HOST]  # name or address; the certificate must be for it
    port: Annotated[int, Field(gt=0, lt=65536)]  # usually 587 with starttls and 465 with tls
    security: Literal["starttls", "tls"]  # encrypted after a first command, or from the start
    # Of each step of the dialogue; a message takes ten of it at most.
    timeout_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 30
    ca_file: Annotated[Path | None, Field(strict=False)] = None  # in place of the system's
    messages_per_minute: Annotated[int, Field(gt=0)] = 60
    login: bool = True


class Person(Strict):
    """Somebody who gets a partner's report; what is not given is as in `reports.yml`."""

    address: Address
    name: Name = ""
    locale: Locale | None = None
    role: Role | None = None  # whether single customers are shown to them, or counts only
    range: RangeText | None = None
    filters: FilterLists = Field(default={})  # within those of the partner
    locations: Annotated[tuple[str, ...], BeforeValidator(_places)]  # empty where the file says all
    how: Literal["attached", "link"] = "attached"
    attach: Annotated[  # html: the interactive page, where how is attached
        tuple[Literal["html", "pdf", "xlsx"], ...], Field(min_length=1, strict=False)
    ] = ("html",)
    message: Literal["own", "copy"] = "own"  # a copy of the first one with the same report
    updates: bool = False  # whether to send a report again when the data of its months has changed

    @property
    def files(self) -> tuple[str, ...]:
        """What they get beside the page, or in place of it."""
        return tuple(kind for kind in self.attach if kind != "html")


class RecipientsFile(Strict):
    """`parameters/recipients.yml`: mail goes to addresses of the allowed domains only."""

    sender: Address
    sender_name: Name = "Partner Insights"
    allowed_domains: Annotated[
        tuple[Annotated[str, AfterValidator(_domain)], ...], Field(min_length=1, strict=False)
    ]
    smtp: SmtpServer
    base_url: Annotated[str, _WEB_FOLDER] | None = None  # where _linked of the outputs is served
    largest_message_mb: float = Field(default=8, gt=0)  # a larger one carries a link instead
    resend_uncertain: bool = False  # send again what may have been sent
    unsubscribe: Annotated[str, _WAY_OUT] | None = None  # for the header List-Unsubscribe
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
