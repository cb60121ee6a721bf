"""A mail server as the parameters name it, and the login, which no file of them may hold."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from insights_lib.errors import MailError, ParameterError
from insights_lib.parameters.spec import Strict

USER, PASSWORD, FILE = "INSIGHTS_SMTP_USER", "INSIGHTS_SMTP_PASSWORD", "INSIGHTS_SMTP_LOGIN_FILE"
_HOST = re.compile(r"[A-Za-z0-9:-]{1,63}(\.[A-Za-z0-9-]{1,63})*")


def _host(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise ParameterError(f"{text!r} is no name of a server such as smtp.example.com")
    return text


class Server(Strict):
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

    host: Annotated[str, AfterValidator(_host)]
    port: Annotated[int, Field(gt=0, lt=65536)]
    security: Literal["starttls", "tls"]
    timeout_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 30
    ca_file: Annotated[Path | None, Field(strict=False)] = None
    messages_per_minute: Annotated[int, Field(gt=0)] = 60
    login: bool = True


@dataclass(frozen=True)
class Login:
    """Who logs in to the mail server."""

    user: str
    password: str = field(repr=False)


def read_login(environ: Mapping[str, str]) -> Login:
    """The login that the environment gives, or a file that it names: user, then password.

    Raises:
        MailError: There is none, or it is not of printable ASCII characters.
    """
    given = [environ.get(USER, ""), environ.get(PASSWORD, "")]
    where = f"{USER} and {PASSWORD}"
    if not all(given) and (where := environ.get(FILE, "")):
        try:
            given = Path(where).read_bytes().decode("latin-1").splitlines()
        except OSError as error:
            raise MailError(f"{where}: cannot be read ({error.strerror}); see {FILE}.") from error
    if not where or not any(given):
        raise MailError(
            f"no login to the mail server is given; set {USER} and {PASSWORD}, or let {FILE} "
            "name a file with the user on its first line and the password on its second."
        )
    if len(given) != 2 or not all(part and part.isascii() and part.isprintable() for part in given):
        raise MailError(
            f"{where}: a user and a password are needed, of printable ASCII characters; "
            "in a file, each on a line of its own and nothing else."
        )
    return Login(*given)
