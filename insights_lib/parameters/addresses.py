"""Addresses and names that may stand in a mail."""

import unicodedata
from collections.abc import Iterable
from typing import Annotated

import email_validator
from pydantic import AfterValidator

from insights_lib.errors import ParameterError

LONGEST_NAME = 80  # characters of a name in a header; a line there has an end
# Characters that hide in a line, turn its direction or cannot be written, and those that end it.
_HIDDEN, _ENDS = {"Cf", "Cs"}, {"Cc", "Zl", "Zp"}


def visible(text: str) -> str:
    """A text of a stranger in one line, without what nobody sees, and which nothing decodes."""
    seen = [(c, unicodedata.category(c)) for c in text]
    line = "".join(" " if kind in _ENDS else c for c, kind in seen if kind not in _HIDDEN)
    return line.replace("=?", "= ?")


def clean_text(text: str, what: str) -> str:
    """A text that may stand in a header or a file name, as it is.

    Raises:
        ParameterError: It holds an unseen character, such as a line feed, or looks encoded.
    """
    if "=?" in text:  # whoever reads the header would decode it, to anything
        raise ParameterError(f"{what} holds '=?', which begins an encoded text; write it without.")
    for character in text:
        if unicodedata.category(character) in _HIDDEN | _ENDS:
            raise ParameterError(
                f"{what} holds the character {character!a}, which cannot stand in a mail's "
                "header; write it without."
            )
    return text


def clean_name(name: str) -> str:
    """A display name that cannot be taken for an address.

    Raises:
        ParameterError: It holds an `@` or an unseen character.
    """
    what = f"the name {name[:LONGEST_NAME]!r}"
    if "@" in unicodedata.normalize("NFKC", name):
        raise ParameterError(f"{what} holds an '@' and could be taken for an address.")
    return clean_text(name, what)


def check_address(address: str) -> str:
    """The address, if it is one to a mail server and in a header, and brings nothing else along.

    It is `name@domain` in ASCII, since not every server on the way can take more: a domain with
    other letters is written as `xn--…`. Domains are not looked up; local ones are taken, too.

    Raises:
        ParameterError: It is not one.
    """
    email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()  # or .local is refused, which companies use
    try:
        found = email_validator.validate_email(
            address,
            allow_smtputf8=False,
            check_deliverability=False,
            globally_deliverable=False,
            strict=True,
        )
        if str(found.ascii_email).lower() == address.lower():
            return address
        reason = f"a server would be told {found.ascii_email}"
    except email_validator.EmailNotValidError as error:
        reason = str(error).rstrip(".")
    raise ParameterError(
        f"{address!r} is not an address that mail can be sent to ({reason}); write name@domain in "
        "ASCII letters, without spaces, commas, quotes and brackets"
    )


def is_allowed(address: str, domains: Iterable[str]) -> bool:
    """Whether an address is of one of some domains, which have no case."""
    return address.rpartition("@")[2].lower() in {domain.lower() for domain in domains}


Address = Annotated[str, AfterValidator(check_address)]
