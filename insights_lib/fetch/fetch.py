"""Fetching from all databases and for all tenants: the latter in turn, until all is here."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from insights_lib.errors import FetchError, ParameterError, SignInError
from insights_lib.exports.datasets import Dataset
from insights_lib.fetch.dataset_fetch import DatasetFetch, FetchResult, Place
from insights_lib.fetch.download import new_client
from insights_lib.fetch.notes import noting
from insights_lib.fetch.partner_center import PartnerCenter
from insights_lib.fetch.refusals import explained
from insights_lib.fetch.secrets import on_one_line
from insights_lib.fetch.sign_in import SignIn
from insights_lib.fetch.wanted import datasets_named, wanted
from insights_lib.fetch.wire import Wire
from insights_lib.parameters.fetch_yml import FetchPlan
from insights_lib.timing import Clock

MONTHS = 25
_SHORTEST, _LONGEST = 15.0, 60.0  # seconds between two looks

# Is told of what is waited for, now and then.
Follow = Callable[[str], None]


@dataclass(frozen=True)
class FetchRequest:
    """What is to be fetched.

    Attributes:
        datasets: Their names; None for those that fetch.yml names.
        months: How many, the current one too; as many of them come as are offered.
        to: The folder of the exports.
    """

    datasets: list[str] | None = None
    months: int = MONTHS
    to: Path = Path("data/exports")


def fetch_all(
    plan: FetchPlan, request: FetchRequest, follow: Follow, clock: Clock
) -> Iterator[FetchResult]:
    """Fetch exports from all databases and for all tenants.

    What is under way for a tenant when this is stopped or killed is gone on with by the next call.

    Yields:
        What became of each dataset, as soon as it is known.

    Raises:
        FetchError: A dataset is asked for that does not exist.
        ParameterError: Neither a tenant nor a database is named, or SQLAlchemy is not installed.
    """
    if not plan.tenants and not plan.databases:
        raise ParameterError(
            "fetch.yml: no tenant or database is named; docs/operators.md tells how to set one up."
        )
    datasets_named(request.datasets)
    for result in _fetched(plan, request, lambda text: follow(on_one_line(text)), clock):
        yield replace(result, text=on_one_line(result.text))


def _fetched(
    plan: FetchPlan, request: FetchRequest, follow: Follow, clock: Clock
) -> Iterator[FetchResult]:
    """The same, in texts that are not yet fit to be shown."""
    if plan.databases:
        try:
            from insights_lib.fetch.databases import (  # noqa: PLC0415 - only who has one needs it
                fetch_databases,
            )
        except ImportError as error:
            raise ParameterError(
                "fetch.yml: databases need SQLAlchemy, which is the extra `sql` of this package; "
                "install that."
            ) from error
        yield from fetch_databases(plan, request.datasets, request.to, clock)
    if plan.tenants:
        yield from _fetch_tenants(plan, request, follow, clock)


def _fetch_tenants(
    plan: FetchPlan, request: FetchRequest, follow: Follow, clock: Clock
) -> Iterator[FetchResult]:
    """Fetch for each tenant in turn, again and again, until all is here or time is up."""
    asked = {
        name: datasets_named(request.datasets or tenant.datasets)
        for name, tenant in plan.tenants.items()
    }
    deadline = clock.now() + timedelta(minutes=plan.deadline_minutes)
    clock = replace(clock, end=deadline)  # every call, wait and download ends by it
    with ExitStack() as stack:
        going = [
            _TenantFetch(name, plan, request, datasets, (clock, stack))
            for name, datasets in asked.items()
        ]
        pause = _SHORTEST
        while True:
            for tenant in going:
                yield from tenant.visit()
            going = [tenant for tenant in going if tenant.waits]
            if not going:
                return
            if clock.now() >= deadline:
                for tenant in going:
                    yield from tenant.too_late(plan.deadline_minutes)
                return
            follow("; ".join(tenant.state for tenant in going))
            clock.sleep(pause)
            pause = min(pause + _SHORTEST, _LONGEST)


class _TenantFetch:
    """What is fetched for one tenant; its errors are its own."""

    def __init__(
        self,
        name: str,
        plan: FetchPlan,
        request: FetchRequest,
        datasets: list[Dataset],
        tools: tuple[Clock, ExitStack],
    ) -> None:
        self._name, self._plan, self._request = name, plan, request
        self._scheduled = plan.tenants[name].runs == "scheduled"
        self._datasets: list[Dataset] | None = datasets  # until it is known what is offered
        self._clock, self._stack = tools
        self.waits: list[DatasetFetch] = []

    @property
    def state(self) -> str:
        """What it waits for."""
        return f"{self._name}: " + ", ".join(f"{one.name} {one.state}" for one in self.waits)

    def visit(self) -> Iterator[FetchResult]:
        """Do what can be done now; yield what came to its end."""
        try:
            if self._datasets is not None:
                yield from self._begun(self._datasets)
                self._datasets = None
            for one in [*self.waits]:
                if result := self._visited(one):
                    self.waits.remove(one)
                    yield result
        except Exception as error:  # noqa: BLE001 - whatever it is, the other tenants go on
            self.waits = []
            yield FetchResult(self._name, "", explained(error), failed=True)

    def too_late(self, minutes: int) -> Iterator[FetchResult]:
        """What is not here in time."""
        for one in self.waits:
            text = (
                f"is not ready after {minutes} minutes ({one.state}); fetch again, which goes on "
                "waiting for it"
            )
            yield FetchResult(self._name, one.name, text, failed=True)

    def _begun(self, datasets: list[Dataset]) -> Iterator[FetchResult]:
        """See what is offered; yield what is not."""
        notes = self._stack.enter_context(noting(self._plan.folder, self._name))
        client = self._stack.enter_context(new_client())
        sign_in = SignIn(self._name, self._plan, client)
        wire = Wire(self._name, self._plan.api, sign_in.token, client, self._clock)
        center = PartnerCenter(wire)
        place = Place(self._name, center, notes, self._request.to)
        offers = center.offers()
        for dataset in datasets:
            if offer := offers.get(dataset.name.lower()):
                try:
                    asked = wanted(dataset, offer, self._request.months)
                except FetchError as error:
                    yield FetchResult(self._name, dataset.name, str(error))
                    continue
                one = DatasetFetch(place, asked, self._request.months, self._clock)
                self.waits.append(one)
            else:
                text = "is not offered to this user; nothing is fetched"
                yield FetchResult(self._name, dataset.name, text)

    def _visited(self, one: DatasetFetch) -> FetchResult | None:
        try:
            return one.visit(self._scheduled)
        except SignInError:
            raise  # it is the same for all others
        except Exception as error:  # noqa: BLE001 - whatever it is, the other datasets go on
            return FetchResult(self._name, one.name, explained(error), failed=True)
