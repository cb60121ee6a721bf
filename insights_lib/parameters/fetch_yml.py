"""`parameters/fetch.yml`: whose exports are fetched from Partner Center, and who signs in there."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from insights_lib.errors import ParameterError
from insights_lib.parameters.validation import Strict, only, read_yaml, validated

API = "https://api.partnercenter.microsoft.com/insights/v1/mpn"
SECRET = "INSIGHTS_SECRET_"  # noqa: S105 - how the variables begin that have a client secret
AUTHORITY = "https://login.microsoftonline.com"
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DOMAIN = re.compile(r"[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
_ADDRESS = re.compile(r"https://[A-Za-z0-9.-]+(:\d+)?(/[A-Za-z0-9._~-]+)*")

_TenantId = Annotated[
    str,
    only(
        lambda text: _GUID.fullmatch(text) or _DOMAIN.fullmatch(text),
        "{!r} is not a tenant; its id (a GUID) or a domain such as contoso.onmicrosoft.com is",
    ),
]
_ClientId = Annotated[
    str, only(_GUID.fullmatch, "{!r} is not the application (client) id of an app registration")
]
_Address = Annotated[
    str, only(_ADDRESS.fullmatch, "{!r} is not an address that begins with https://")
]
_Variable = Annotated[
    str,
    only(
        re.compile(rf"{SECRET}[A-Z0-9_]+").fullmatch,
        "{!r} does not begin with " + SECRET + ", by which it is kept from notebooks",
    ),
]
_Path = Annotated[Path, Field(strict=False)]


class Tenant(Strict):
    """One partner's tenant, the app that asks there, and what is fetched.

    An app without secret and certificate is a public client; see docs/operators.md.
    """

    tenant_id: _TenantId
    client_id: _ClientId
    sign_in: Literal["browser", "device_code"] = "browser"
    secret_variable: _Variable | None = None  # of the environment
    secret_file: _Path | None = None
    certificate_file: _Path | None = None  # PEM: the private key and the certificate
    datasets: Annotated[list[str], Field(min_length=1)] | None = None  # all that reports can use
    runs: Literal["now", "scheduled"] = "now"

    @model_validator(mode="after")
    def _one_proof(self) -> "Tenant":
        proofs = [self.secret_variable, self.secret_file, self.certificate_file]
        if sum(proof is not None for proof in proofs) > 1:
            raise ParameterError(
                "secret_variable, secret_file and certificate_file exclude each other; give one"
            )
        if self.sign_in == "device_code" and any(proofs):
            raise ParameterError(
                "sign_in device_code is for an app without secret and certificate; write browser"
            )
        return self


def _named(tenants: dict[str, Tenant]) -> dict[str, Tenant]:
    for name in tenants:
        if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", name):
            raise ParameterError(f"{name!r} is not a name; letters, digits and '-' are allowed")
    return tenants


class FetchPlan(Strict):
    """`parameters/fetch.yml`: the tenants by their names, and where everything is."""

    tenants: Annotated[dict[str, Tenant], AfterValidator(_named)]
    folder: _Path = Path("data/fetch")  # of sign-ins, and of what is under way
    deadline_minutes: int = Field(default=180, gt=0, le=24 * 60)  # how long a fetch waits
    api: _Address = API
    authority: _Address = AUTHORITY


def read_fetch_plan(folder: Path) -> FetchPlan:
    """`fetch.yml` of a parameters folder.

    Raises:
        ParameterError: The file is missing, not YAML, or wrong.
    """
    file = folder / "fetch.yml"
    content = read_yaml(file, "it says whose exports are fetched, and begins with `tenants:`")
    return validated(FetchPlan, content, str(file))


def is_fetching(folder: Path) -> bool:
    """Whether a parameters folder names a tenant whose exports are fetched.

    Raises:
        ParameterError: There is a file for that, but it is wrong.
    """
    return (folder / "fetch.yml").exists() and bool(read_fetch_plan(folder).tenants)
