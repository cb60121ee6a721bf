"""One message: text, HTML with pictures, and the report attached or linked to."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.headerregistry import Address, BaseHeader, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, Policy
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import Any

import css_inline
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from insights_lib.errors import MailError
from insights_lib.mail.content import LONGEST_LINE, contents_of, cut
from insights_lib.mail.lines import grid, wrapped
from insights_lib.mail.pictures import Picture
from insights_lib.page.sections import Report
from insights_lib.parameters.addresses import LONGEST_NAME, clean_name, clean_text
from insights_lib.presentation import theme
from insights_lib.presentation.language import Language

MAIL_FILES = Path(__file__).parent / "files"
LONGEST_HTML = 90_000  # bytes; Gmail cuts off what is more than 102,000
SUBTYPES = {"pdf": "pdf", "xlsx": "vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
SEVEN_BITS = SMTP.clone(cte_type="7bit")  # no server on the way has to know more


@dataclass(frozen=True)
class Envelope:
    """The headers of a message; people are display names and addresses."""

    sender: tuple[str, str]
    to: tuple[tuple[str, str], ...]
    copies: tuple[tuple[str, str], ...]
    message_id: str  # without angle brackets
    date: datetime  # with a zone
    unsubscribe: str | None = None  # for List-Unsubscribe
    mark: str = ""  # stands before the subject, such as a note that it is a test


@dataclass(frozen=True)
class Enclosed:
    """What a message brings: a report, and its page as a file or by a link to where it is served.

    A table stands for each chart that is not among the pictures. The page is None where only other
    files are wanted, which are given by their kinds, `pdf` and `xlsx`.
    """

    report: Report
    page: bytes | None
    link: str | None = None
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


def message_of(envelope: Envelope, enclosed: Enclosed) -> EmailMessage:
    """Build a message.

    Raises:
        MailError: Something cannot stand in a header, or the message would be cut off.
    """
    facts = enclosed.report.facts
    language = Language(facts["locale"])
    name = cut(facts["partner_name"], LONGEST_NAME) or facts["partner"]
    months = f"{language.month(facts['first'])} – {language.month(facts['last'])}"
    said_of = f"{language('Customers')}, {months}"
    subject = clean_text(f"{envelope.mark}{language.pair(name, said_of)}", "the subject")
    file_name = f"customers-{facts['partner']}-{facts['first']}_{facts['last']}"
    attached = enclosed.page is not None and not enclosed.link
    pictures = {
        chart: replace(picture, sentence=cut(picture.sentence, LONGEST_LINE))
        for chart, picture in enclosed.pictures.items()
    }
    cids = {chart: _cid(envelope.message_id, chart) for chart in pictures}
    filters = (language.pair(language.name(f), ", ".join(of)) for f, of in facts["filters"].items())
    said = {
        **facts,
        "language": language,
        "subject": subject,
        "partner_name": name,
        "months": months,
        "filters": cut(" · ".join(filters), LONGEST_LINE),
        "contents": contents_of(enclosed.report, language),
        "link": enclosed.link,
        "file_name": f"{file_name}.html" if attached else None,
        "other_files": [f"{file_name}.{kind}" for kind in enclosed.files],
    }
    message = EmailMessage(SEVEN_BITS)
    _address(message, envelope)
    message["Subject"] = subject
    message.set_content(_template("message.txt.j2").render(said))
    html = _html({**said, "pictures": pictures, "cids": cids})
    message.add_alternative(html, subtype="html")
    html_part = message.get_payload()[1]  # type: ignore[index]
    for chart, picture in pictures.items():
        named = {"cid": f"<{cids[chart]}>", "filename": f"{chart}.png"}
        # Without the disposition, mail programs list it beside the report.
        html_part.add_related(picture.png, "image", "png", disposition="inline", **named)  # type: ignore[union-attr]
    _attach(message, enclosed, file_name)
    return message


def _attach(message: EmailMessage, enclosed: Enclosed, file_name: str) -> None:
    if enclosed.page is not None and not enclosed.link:
        message.add_attachment(enclosed.page, "text", "html", filename=f"{file_name}.html")
    for kind, content in enclosed.files.items():
        name = f"{file_name}.{kind}"
        message.add_attachment(content, "application", SUBTYPES[kind], filename=name)


def _address(message: EmailMessage, envelope: Envelope) -> None:
    message["From"] = _mailbox(*envelope.sender)
    message["To"] = [_mailbox(*person) for person in envelope.to]
    if envelope.copies:
        message["Cc"] = [_mailbox(*person) for person in envelope.copies]
    message["Date"] = format_datetime(envelope.date)
    message["Message-ID"] = f"<{envelope.message_id}>"
    message["Auto-Submitted"] = "auto-generated"
    if envelope.unsubscribe:
        message["List-Unsubscribe"] = _Whole("List-Unsubscribe", f"<{envelope.unsubscribe}>")


def _mailbox(name: str, address: str) -> Address:
    return Address(clean_name(name), addr_spec=clean_text(address, "the address"))


def _cid(message_id: str, chart: str) -> str:
    left, _, domain = message_id.partition("@")
    return f"{hashlib.sha256(f'{left} {chart}'.encode()).hexdigest()[:16]}@{domain}"


def _html(said: Mapping[str, Any]) -> str:
    """The HTML with its style inlined, as many mail programs want it."""
    style = _template("message.css.j2").render(light=theme.LIGHT, dark=theme.DARK)
    page = _template("message.html.j2").render(said, style=Markup(style))  # noqa: S704 - our file
    html = css_inline.inline(page, keep_at_rules=True, load_remote_stylesheets=False)
    if len(html.encode()) > LONGEST_HTML:
        raise MailError(
            f"the text of the message has more than {LONGEST_HTML:,} bytes and would be cut off."
        )
    return html


class _Whole(UnstructuredHeader, BaseHeader):
    """A header of one word: folding would encode a long one, so that nobody can read it."""

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


@cache
def _template(name: str) -> Any:
    environment = Environment(
        loader=FileSystemLoader(MAIL_FILES),
        autoescape=name.endswith(".html.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(wrapped=wrapped, grid=grid)
    return environment.get_template(name)
