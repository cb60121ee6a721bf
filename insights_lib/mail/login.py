"""A mail server as the parameters name it, and the login, which no file of them may hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from insights_lib.errors import MailError

USER, PASSWORD, FILE = "INSIGHTS_SMTP_USER", "INSIGHTS_SMTP_PASSWORD", "INSIGHTS_SMTP_LOGIN_FILE"


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
