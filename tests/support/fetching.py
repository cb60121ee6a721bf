"""A tenant of the fake Partner Center, signed in, and what a fetch makes of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from insights_lib.fetch.dataset_fetch import FetchResult
from insights_lib.fetch.download import new_client
from insights_lib.fetch.fetch import FetchRequest, fetch_all
from insights_lib.fetch.sign_in import Identity, Show, SignIn
from insights_lib.parameters.fetch_yml import FetchPlan
from insights_lib.parameters.validation import validated
from insights_lib.timing import Clock
from tests.support.partner_center import BASE, PartnerCenter, partner_center

GUID = "11111111-2222-3333-4444-555555555555"


@dataclass
class Watch:
    """A clock that passes only where somebody waits, or with each look at it.

    Attributes:
        pace: What passes with each look.
    """

    moment: datetime = datetime(2026, 1, 15, 6, tzinfo=UTC)
    waited: list[float] = field(default_factory=list)
    pace: timedelta = timedelta(0)

    def now(self) -> datetime:
        self.moment += self.pace
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.moment += timedelta(seconds=seconds)

    @property
    def clock(self) -> Clock:
        return Clock(self.now, self.sleep)


@dataclass
class Office:
    """Somebody who fetches from a fake Partner Center."""

    folder: Path
    center: PartnerCenter
    watch: Watch = field(default_factory=Watch)
    followed: list[str] = field(default_factory=list)
    tenants: dict[str, dict[str, Any]] = field(default_factory=lambda: {"contoso": {}})
    deadline_minutes: int = 180

    @property
    def settings(self) -> dict[str, Any]:
        ids = {"tenant_id": GUID, "client_id": GUID, "sign_in": "device_code"}
        return {
            "tenants": {name: ids | own for name, own in self.tenants.items()},
            "folder": str(self.folder / "fetch"),
            "deadline_minutes": self.deadline_minutes,
            "api": f"{self.center.url}{BASE}",
            "authority": self.center.url,
        }

    @property
    def plan(self) -> FetchPlan:
        return validated(FetchPlan, self.settings)

    def log_in(self, tenant: str = "contoso", show: Show = str) -> Identity:
        with new_client() as client:
            return SignIn(tenant, self.plan, client).log_in(show)

    def token(self, tenant: str = "contoso", renew: bool = False) -> str:
        with new_client() as client:
            return SignIn(tenant, self.plan, client).token(renew)

    def fetch(self, *datasets: str, months: int = 25) -> list[FetchResult]:
        request = FetchRequest(list(datasets) or None, months, self.folder / "exports")
        return list(fetch_all(self.plan, request, self.followed.append, self.watch.clock))

    def retell(self, *datasets: str, **more: int) -> str:
        """What a fetch says, all of it."""
        return "\n".join(map(str, self.fetch(*datasets, **more)))

    def exports(self) -> list[str]:
        folder = self.folder / "exports"
        return sorted(f.name for f in folder.iterdir()) if folder.exists() else []


@contextmanager
def office(
    folder: Path, monkeypatch: pytest.MonkeyPatch, signed_in: bool = True
) -> Iterator[Office]:
    """Somebody who trusts the fake server, and is signed in there."""
    with partner_center(folder) as center:
        monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))
        one = Office(folder, center)
        center.now = lambda: one.watch.moment
        if signed_in:
            one.log_in()
        yield one
