"""`parameters/schedule.yml`: groups of partners, when each is due, and what is done then."""

import re
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, get_args
from zoneinfo import available_timezones

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BeforeValidator, Field

from insights_lib.errors import ParameterError
from insights_lib.parameters.addresses import Address
from insights_lib.parameters.spec import PartnerId, RangeText
from insights_lib.parameters.validation import Strict, read_yaml, validated

Step = Literal["fetch", "ingest", "run", "send"]
STEPS: tuple[Step, ...] = get_args(Step)
LONGEST_CATCH_UP = 31 * 24  # hours; a window of last month is better asked for by hand


def _cron(text: str) -> str:
    """Refuse what is not a cron line, never comes, or means different things to programs."""
    fields = text.split()
    if not _is_cron(fields):
        if _is_cron([*fields[:3], "*", *fields[4:]]) and _is_cron(["0", "0", "*", *fields[3:]]):
            raise ParameterError(f"{text!r} is a day that no year has; give another")
        raise ParameterError(
            f"{text!r} is not a cron line; minute, hour, day of month, month and day of week are "
            "needed, such as 0 6 5 * *"
        )
    day, weekday = fields[2], fields[4]
    if re.search(r"\d", weekday):
        raise ParameterError(
            f"{text!r}: the day of week {weekday!r} has a number, and programs do not agree on "
            "the day to count from; write sun, mon, tue, wed, thu, fri or sat"
        )
    if day != "*" and weekday != "*":
        raise ParameterError(
            f"{text!r} has both a day of month and a day of week, and programs do not agree on "
            "whether one of them is enough; put * for one of them"
        )
    return text


def _is_cron(fields: list[str]) -> bool:
    try:
        CronSim(" ".join(fields), datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError:
        return False
    return len(fields) == 5


def _known_zone(text: str) -> str:
    zones = available_timezones()
    if text not in zones:
        near = get_close_matches(text, sorted(zones), n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else "write one such as Europe/Stockholm"
        raise ParameterError(f"no time zone is called {text!r}; {hint}")
    return text


def _in_order(steps: list[Step]) -> list[Step]:
    if [step for step in STEPS if step in steps] != steps:
        raise ParameterError(
            f"{', '.join(steps)}: steps come in the order {', '.join(STEPS)}, each at most once"
        )
    return steps


def _listed(value: object) -> object:
    if value == "all":
        return ()
    if isinstance(value, list) and value:
        return tuple(value)
    raise ParameterError(f"{value!r} is neither all nor a list of partner ids")


class Group(Strict):
    """Partners that are due at the same moments, on the wall clock of a time zone."""

    partners: Annotated[tuple[PartnerId, ...], BeforeValidator(_listed)]  # empty: the file says all
    cron: Annotated[str, AfterValidator(_cron)]
    time_zone: Annotated[str, AfterValidator(_known_zone)]
    range: RangeText = "last_12_months"
    steps: Annotated[list[Step], AfterValidator(_in_order)] = Field(default=[*STEPS], min_length=1)
    incoming: Path = Field(
        default=Path("data/incoming"), strict=False
    )  # where `ingest` looks, and `fetch` puts
    catch_up_hours: int = Field(default=24, gt=0, le=LONGEST_CATCH_UP)  # else it is let go
    alert_to: Address  # of the owner, who is told of a window that failed
    grace_hours: int = Field(default=6, gt=0)  # for which the owner is not told again after that


def _named(groups: dict[str, Group]) -> dict[str, Group]:
    for name in groups:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
            raise ParameterError(
                f"{name!r} is not a name; letters, digits, '-' and '_' are allowed"
            )
    return groups


class Plan(Strict):
    """`parameters/schedule.yml`: the groups by their names."""

    groups: Annotated[dict[str, Group], AfterValidator(_named)] = Field(min_length=1)


def read_plan(folder: Path) -> Plan:
    """`schedule.yml` of a parameters folder.

    Raises:
        ParameterError: The file is missing, not YAML, or wrong.
    """
    file = folder / "schedule.yml"
    content = read_yaml(file, "it says what is done when, and begins with `groups:`")
    return validated(Plan, content, str(file))
