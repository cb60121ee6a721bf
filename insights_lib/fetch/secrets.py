"""Secrets of confidential clients: read where fetch.yml says they are, shown nowhere."""

import os
import re
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate

from insights_lib.errors import ParameterError
from insights_lib.parameters.fetch_yml import Tenant

# Taken out of the environment, which the browser of a sign-in would inherit.
_taken: dict[str, str] = {}
_SECRET = re.compile(
    r"eyJ[\w.-]{10,}"  # a token
    r"|https?://\S+"  # a link may open what it leads to
    r"|\b(sig|code|token|secret|assertion)=[^&\s]+",
    re.IGNORECASE,
)
_LONGEST = 300  # characters of what a server says


def client_credential(tenant: Tenant) -> str | dict[str, Any] | None:
    """What proves the app, as MSAL takes it; None for a public client.

    Raises:
        ParameterError: It is not where fetch.yml says.
    """
    if name := tenant.secret_variable:
        _taken[name] = os.environ.pop(name, "").strip() or _taken.get(name, "")
        if not _taken[name]:
            raise ParameterError(
                f"fetch.yml: the environment variable {name} is not set; put the client secret "
                "there, or name a secret_file."
            )
        return _taken[name]
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


def without_secrets(text: str) -> str:
    """What a server says, short, on one line, and without links and tokens."""
    plain = _SECRET.sub("…", " ".join(text.split()))
    return "".join(c for c in plain if c.isprintable())[:_LONGEST]
