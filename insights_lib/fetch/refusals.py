"""What sign-in service and API refuse, and what to do about it."""

import logging
import re
from collections.abc import Iterator, Mapping

from insights_lib.errors import FetchError, InsightsError, SignInError, reason_of
from insights_lib.fetch.secrets import on_one_line, without_secrets

_log = logging.getLogger(__name__)

_LOG_IN = "run insights login --tenant {name} again"
_MFA = f"Partner Center wants a sign-in with MFA; {_LOG_IN} and confirm with a second factor"
# By the numbers of Microsoft Entra, and what OAuth calls it where there is none.
_SIGN_IN: Mapping[str, str] = {
    "700082": f"the sign-in has expired because it was not used for long; {_LOG_IN}",
    "70008": f"the sign-in has expired; {_LOG_IN}",
    "70043": f"the sign-in has expired by a rule of Conditional Access; {_LOG_IN}",
    "50173": f"the sign-in was revoked, perhaps as the password was changed; {_LOG_IN}",
    "50076": _MFA,
    "50078": _MFA,
    "50079": _MFA,
    "50158": _MFA,
    "53003": "Conditional Access forbids this sign-in; where it forbids device codes, set "
    "sign_in: browser, else ask who administers the tenant",
    "65001": "the app lacks admin consent for Microsoft Partner Center, user_impersonation",
    "650057": "the app lacks the permission Microsoft Partner Center, user_impersonation",
    "700016": "the tenant has no such app; see client_id and tenant_id in fetch.yml",
    "7000215": "the client secret is wrong; see secret_file or secret_variable in fetch.yml",
    "7000222": "the client secret has expired; make another and put it where fetch.yml says",
    "700027": "the certificate is not one of the app's; see certificate_file in fetch.yml",
    "7000218": "the app wants a secret, or is to allow public client flows (Authentication)",
    "invalid_grant": f"the sign-in is not taken any more; {_LOG_IN}",
    "interaction_required": f"somebody must sign in; {_LOG_IN}",
    "authorization_declined": f"the sign-in was declined; {_LOG_IN}",
    "access_denied": f"the sign-in was declined; {_LOG_IN}",
    "expired_token": f"the code was not entered in time; {_LOG_IN}",
    "authorization_pending": f"the code was not entered in time; {_LOG_IN}",
}
_API: Mapping[int, str] = {
    401: "the sign-in is not taken, although it was renewed: the user needs the role Executive "
    f"report viewer in the AI Cloud Partner Program account; else {_LOG_IN}",
    403: "the user may not do this; the role Executive report viewer is needed, and access to the "
    "whole organisation or its locations",
}


class ApiError(FetchError):
    """Partner Center refused a call.

    Attributes:
        status: The status of the answer, or the one in its envelope.
        said: What it said, without links and tokens.
    """

    def __init__(self, sentence: str, status: int, said: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.said = said


def sign_in_refused(name: str, answer: Mapping[str, object]) -> SignInError:
    """The error for an answer of the sign-in service without a token."""
    codes = [*_codes(answer)]
    known = next((_SIGN_IN[code] for code in codes if code in _SIGN_IN), None)
    if not answer:
        known = f"the sign-in cannot be renewed; {_LOG_IN}"
    shown = f" (AADSTS{codes[0]})" if codes and codes[0].isdecimal() else ""
    if known:
        return SignInError(f"{name}: {known.format(name=name)}{shown}.")
    said = without_secrets(str(answer.get("error_description") or answer.get("error") or ""))
    why = said.rstrip(".") or "without a reason"
    return SignInError(f"{name}: the sign-in service refuses: {why}{shown}.")


def _codes(answer: Mapping[str, object]) -> Iterator[str]:
    """The numbers of a refusal, and what OAuth calls it; whatever else is there is left out."""
    listed, said = answer.get("error_codes"), str(answer.get("error_description") or "")
    numbers = map(str, listed) if isinstance(listed, list) else ()
    yield from (number for number in numbers if re.fullmatch("[0-9]{1,9}", number))
    yield from re.findall("AADSTS([0-9]{1,9})", said)[:1]
    if isinstance(word := answer.get("error"), str):
        yield word


def explained(error: Exception) -> str:
    """Why something failed for one tenant or database, as a sentence; the others go on.

    With --debug the log shows where it was.
    """
    _log.debug("%s: this is where:", type(error).__name__, exc_info=error)
    if isinstance(error, InsightsError | OSError):
        return on_one_line(reason_of(error))
    return f"unexpected {type(error).__name__}; with --debug you see where."


def api_refused(name: str, status: int, said: str, what: str) -> FetchError:
    """The error for a call that the API refused.

    Args:
        name: The tenant.
        status: The status of the answer, or that in its envelope.
        said: What the answer and its header WWW-Authenticate say.
        what: What was asked for.
    """
    if status == 401 and ("900421" in said or re.search(r"\bMFA\b", said)):
        return SignInError(f"{name}: {_MFA.format(name=name)} (900421).")
    if status == 401 and "900420" in said:
        return SignInError(f"{name}: the token is for another service (900420); see fetch.yml.")
    said = without_secrets(said)
    if status == 401:
        return SignInError(f"{name}: {_API[401].format(name=name)}.")
    why = _API.get(status) or f"Partner Center answers {status}: {said or 'without a reason'}"
    return ApiError(f"{name}: {what}: {why.rstrip('.')}.", status, said)
