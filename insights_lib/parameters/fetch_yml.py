"""`parameters/fetch.yml`: whose exports come from Partner Center, and which from databases."""

import re
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from urllib.parse import parse_qsl

from pydantic import AfterValidator, Field, model_validator

from insights_lib.errors import ParameterError
from insights_lib.parameters.secret_variables import SECRET
from insights_lib.parameters.validation import Strict, only, read_yaml, validated

Source = TypeVar("Source")

API = "https://api.partnercenter.microsoft.com/insights/v1/mpn"
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
_Table = Annotated[
    str, only(re.compile(r"\w+(\.\w+){0,2}").fullmatch, "{!r} is not a table such as sales.seats")
]
# An address as SQLAlchemy parts it: what is before "@" can have "/", "?" and "#" in it.
_URL = re.compile(
    r"[a-z0-9]+(\+[a-z0-9_]+)?://(?P<login>[^:/]*(:[^@]*)?@)?"
    r"(?P<place>(\[[^]/?]+\]|[^][/:?]*)([:/][^?]*)?)(\?(?P<query>.*))?",
    re.DOTALL,
)
_LOGIN = re.compile(r"pass|pwd|user|uid|login|token|secret|connect$", re.IGNORECASE)
# What follows "?" is taken if it can be no secret: a small number or a switch under any name, a
# text under a name that ends as those of files, places and modes do.
_SWITCH = re.compile(r"\d{1,7}|true|false|yes|no|on|off", re.IGNORECASE)
_NAMING = re.compile(
    r".*(mode|cert|path|file|dir|folder|location|name|schema|catalog|database|warehouse|role"
    r"|driver|charset|encoding|collation|zone|region|host|port|socket|protocol|version|attrs"
    r"|intent|format|authenticator|authentication|encrypt|service|project|account|options)"
    r"|(.*_)?(ssl)?(ca|crl)|ssl_?key",
    re.IGNORECASE,
)
_NAME_OF_THING = re.compile(r"[\w .,:/\\()=-]{1,200}")
_NESTED = re.compile(rf"({_LOGIN.pattern}|key|sig|cred)\w*\s*=", re.IGNORECASE)
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


def _address_without_login(url: str) -> str:
    """Refuse an address that has a login; the refusal does not show it."""
    if not (parts := _URL.fullmatch(url)):
        raise ParameterError(
            "is not an address of SQLAlchemy such as postgresql+psycopg://host/database"
        )
    settings = parse_qsl(parts["query"] or "", keep_blank_values=True)
    names = [name for name, _ in settings]
    if parts["login"] or _NESTED.search(parts["place"]) or any(map(_LOGIN.search, names)):
        raise ParameterError(
            "has a login, which no file should have; put user:password into an environment "
            "variable, and name that in login_variable"
        )
    for name, value in settings:
        if not _is_no_secret(name, value):
            shown = f" {name}" if value and re.fullmatch(r"[a-zA-Z]\w{0,39}", name) else ""
            raise ParameterError(
                f"has a setting{shown} after '?' that may be a secret, which no file should have; "
                "numbers, yes or no, and names of files, modes and places such as sslmode are "
                "taken. Put what the driver needs into login_variable, or into a file of its own"
            )
    return url


def _is_no_secret(name: str, value: str) -> bool:
    """Whether a setting of an address can be no secret, whatever the driver takes it for."""
    if _SWITCH.fullmatch(value):
        return True
    is_name = _NAMING.fullmatch(name) and _NAME_OF_THING.fullmatch(value)
    return bool(is_name) and not _NESTED.search(value)


class Selection(Strict):
    """What is selected of a database."""

    table: _Table | None = None
    query: Annotated[str, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _one(self) -> "Selection":
        if (self.table is None) == (self.query is None):
            raise ParameterError("needs either a table or a query")
        return self


class Database(Strict):
    """A database, and what to select there for each dataset."""

    url: Annotated[str, AfterValidator(_address_without_login)]
    login_variable: _Variable | None = None  # of the environment; it has user:password
    datasets: Annotated[dict[str, Selection], Field(min_length=1)]


def _named(sources: dict[str, Source]) -> dict[str, Source]:
    for name in sources:
        if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", name):
            raise ParameterError(f"{name!r} is not a name; letters, digits and '-' are allowed")
    return sources


class FetchPlan(Strict):
    """`parameters/fetch.yml`: tenants and databases by their names, and where everything is."""

    tenants: Annotated[dict[str, Tenant], AfterValidator(_named)] = Field(default_factory=dict)
    databases: Annotated[dict[str, Database], AfterValidator(_named)] = Field(default_factory=dict)
    folder: _Path = Path("data/fetch")  # of sign-ins, and of what is under way
    deadline_minutes: int = Field(default=180, gt=0, le=24 * 60)  # how long a fetch waits
    api: _Address = API
    authority: _Address = AUTHORITY

    @model_validator(mode="after")
    def _names_differ(self) -> "FetchPlan":
        if both := self.tenants.keys() & self.databases.keys():
            raise ParameterError(f"{min(both)} is both a tenant and a database; rename one")
        return self


def read_fetch_plan(folder: Path) -> FetchPlan:
    """`fetch.yml` of a parameters folder.

    Raises:
        ParameterError: The file is missing, not YAML, or wrong.
    """
    file = folder / "fetch.yml"
    content = read_yaml(file, "it says whose exports are fetched, as `tenants:` and `databases:`")
    return validated(FetchPlan, content, str(file))


def is_fetching(folder: Path) -> bool:
    """Whether a parameters folder names a tenant or database whose exports are fetched.

    Raises:
        ParameterError: There is a file for that, but it is wrong.
    """
    if not (folder / "fetch.yml").exists():
        return False
    plan = read_fetch_plan(folder)
    return bool(plan.tenants or plan.databases)
