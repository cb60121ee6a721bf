"""Addresses and names that may stand in a mail."""

import re
import unicodedata
from collections.abc import Iterable

from insights_lib.errors import MailError

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


_ADDRESS = re.compile(r"[!-;=?A-~]+@[!-;=?A-~]+")  # printable ASCII without space, < and >


_LONGEST_ADDRESS, _LONGEST_NAME = 254, 64  # characters, by RFC 5321


def check_address(address: str) -> None:
    """See that an address can be given to a server without becoming a command of its own.

    Raises:
        MailError: It cannot.
    """
    if not _ADDRESS.fullmatch(address):
        raise MailError(
            f"{address!r} is no address that mail can be sent to; write name@domain in ASCII "
            "letters, without spaces, line breaks and angle brackets."
        )
    if len(address) > _LONGEST_ADDRESS or address.index("@") > _LONGEST_NAME:
        raise MailError(
            f"{address!r} is too long for an address; it has {_LONGEST_ADDRESS} characters at "
            f"most, of them {_LONGEST_NAME} before the @."
        )


def is_allowed(address: str, domains: Iterable[str]) -> bool:
    """Whether an address is of one of some domains, which have no case."""
    return address.rpartition("@")[2].lower() in {domain.lower() for domain in domains}
