"""Secrets of clients and databases: read where fetch.yml says they are, shown nowhere."""

import logging
import os
import re
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate

from insights_lib.errors import ParameterError
from insights_lib.parameters.fetch_yml import Database, Tenant

# Taken out of the environment, which the browser of a sign-in would inherit.
_taken: dict[str, str] = {}
_SECRET = re.compile(
    r"eyJ[\w.-]{10,}"  # a token
    r"|https?://\S+"  # a link may open what it leads to
    r"|\b\w*(sig|code|token|secret|assertion|password)=[^&\s]+"
    r"|\"\w*(token|secret|assertion|password)\"\s*:\s*\"[^\"]*\"?",
    re.IGNORECASE,
)
_LONGEST = 300  # characters of what a server says
# What these log can have tokens, in answers that they do not understand, and logins.
_LOGGING = {"msal", "msal_extensions", "requests", "urllib3", "sqlalchemy", "psycopg"}
_NOTHING = logging.CRITICAL + 1


def client_credential(tenant: Tenant) -> str | dict[str, Any] | None:
    """What proves the app, as MSAL takes it; None for a public client.

    Raises:
        ParameterError: It is not where fetch.yml says.
    """
    if name := tenant.secret_variable:
        return _of_environment(name, "put the client secret there, or name a secret_file")
    file = tenant.secret_file or tenant.certificate_file
    if file is None:
        return None
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not a text"
        raise ParameterError(f"{file}: cannot be read ({why}); see fetch.yml.") from error
    if tenant.secret_file:
        if not text or len(text.splitlines()) > 1:
            raise ParameterError(f"{file}: a client secret is one line of text.")
        return text
    try:
        key = load_pem_private_key(text.encode(), None)
        load_pem_x509_certificate(text.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):  # it may quote the key
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise ParameterError(
            f"{file}: an RSA key without a password and its certificate are needed, both as PEM."
        )
    return {"private_key": text, "public_certificate": text}


def login_of(database: Database) -> tuple[str, str] | None:
    """User and password of a database; None if it asks for none, or its driver knows them.

    Raises:
        ParameterError: They are not where fetch.yml says.
    """
    if not (name := database.login_variable):
        return None
    user, colon, password = _of_environment(name, "put user:password there").partition(":")
    if not (user and colon):
        raise ParameterError(f"fetch.yml: the environment variable {name} is not user:password.")
    return user, password


def _of_environment(name: str, what_to_do: str) -> str:
    _taken[name] = os.environ.pop(name, "").strip() or _taken.get(name, "")
    if not _taken[name]:
        raise ParameterError(
            f"fetch.yml: the environment variable {name} is not set; {what_to_do}."
        )
    return _taken[name]


def log_nothing() -> None:
    """Have the libraries that know secrets log nothing, wherever a log is shown or kept."""
    known = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in _LOGGING]
    for name in {*known, *_LOGGING}:
        logging.getLogger(name).setLevel(_NOTHING)


def on_one_line(text: str) -> str:
    """A text as it may be shown: nothing in it moves the cursor, or begins another line.

    Whatever `insights login` and `fetch` tell goes through here, as servers have a say in it.
    """
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def without_secrets(text: str) -> str:
    """What a server says, short, on one line, and without links and tokens."""
    return _SECRET.sub("…", on_one_line(text))[:_LONGEST]
