"""Signing in for the tenants of fetch.yml, and telling how their sign-ins stand."""

from collections.abc import Iterator
from dataclasses import dataclass

from insights_lib.errors import FetchError, ParameterError
from insights_lib.exports.datasets import DATASETS
from insights_lib.fetch.download import new_client
from insights_lib.fetch.partner_center import PartnerCenter
from insights_lib.fetch.refusals import explained
from insights_lib.fetch.secrets import on_one_line
from insights_lib.fetch.sign_in import Show, SignIn, identity
from insights_lib.fetch.wire import Wire
from insights_lib.parameters.fetch_yml import FetchPlan
from insights_lib.parameters.validation import unknown
from insights_lib.timing import Clock


@dataclass(frozen=True)
class LoginStatus:
    """How the sign-in of a tenant stands: what there is to say, and whether it will do."""

    tenant: str
    text: str
    well: bool

    def __str__(self) -> str:
        """Whose it is, and how it stands."""
        return f"{self.tenant}: {on_one_line(self.text).removeprefix(f'{self.tenant}: ')}"


def log_in(plan: FetchPlan, tenants: list[str], show: Show) -> Iterator[LoginStatus]:
    """Have a person sign in for each of the tenants; all of them if none is named.

    Raises:
        ParameterError: fetch.yml names no such tenant, or none at all.
    """
    for name in _named(plan, tenants):
        with new_client() as client:
            try:
                found = SignIn(name, plan, client).log_in(lambda text: show(on_one_line(text)))
            except Exception as error:  # noqa: BLE001 - whatever it is, the other tenants go on
                yield LoginStatus(name, explained(error), well=False)
            else:
                yield LoginStatus(name, f"{found}.", well=True)


def check_logins(plan: FetchPlan, tenants: list[str], clock: Clock) -> Iterator[LoginStatus]:
    """Tell who is signed in for each of the tenants, until when, and what Partner Center offers.

    Raises:
        ParameterError: fetch.yml names no such tenant, or none at all.
    """
    for name in _named(plan, tenants):
        try:
            yield _status(name, plan, clock)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other tenants go on
            yield LoginStatus(name, explained(error), well=False)


def _status(name: str, plan: FetchPlan, clock: Clock) -> LoginStatus:
    with new_client() as client:
        sign_in = SignIn(name, plan, client)
        found = identity(sign_in.token())
        center = PartnerCenter(Wire(name, plan.api, sign_in.token, client, clock))
        try:
            offers = center.offers()
        except FetchError as error:
            why = explained(error).removeprefix(f"{name}: ")
            return LoginStatus(name, f"{found}, but {why}", well=False)
        offered = sum(dataset.name.lower() in offers for dataset in DATASETS)
    text = f"{found}; {offered} of the {len(DATASETS)} datasets that reports can use are offered"
    if center.mfa is False:
        text += "; Partner Center does not find the sign-in MFA-compliant: run insights login again"
    return LoginStatus(name, f"{text}.", well=center.mfa is not False)


def _named(plan: FetchPlan, tenants: list[str]) -> list[str]:
    if not plan.tenants:
        raise ParameterError(
            "fetch.yml: no tenant is named; docs/operators.md tells how to set one up."
        )
    for name in tenants:
        if name not in plan.tenants:
            raise ParameterError(f"tenant: {unknown(name, plan.tenants).rstrip('.?')}.")
    return tenants or [*plan.tenants]
