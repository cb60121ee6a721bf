"""A plan that could be misunderstood is refused with one sentence."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from insights_lib.errors import ParameterError
from insights_lib.parameters.schedule_yml import Plan, read_plan

GROUP = {
    "partners": ["1234567"],
    "cron": "0 6 5 * *",
    "time_zone": "Europe/Stockholm",
    "alert_to": "ops@example.com",
}


def plan_of(folder: Path, name: str = "monthly", **changes: Any) -> Plan:
    text = yaml.safe_dump({"groups": {name: {**GROUP, **changes}}})
    (folder / "schedule.yml").write_text(text, encoding="utf-8")
    return read_plan(folder)


def test_the_plan_of_the_project_is_read_as_it_stands() -> None:
    group = read_plan(Path(__file__).parents[2] / "parameters").groups["monthly"]
    assert group.partners == ()  # all of them
    assert group.steps == ["fetch", "ingest", "run", "send"]
    assert group.incoming == Path("data/incoming")
    assert (group.catch_up_hours, group.grace_hours) == (24, 6)


def test_what_is_not_given_has_a_usual_value(tmp_path: Path) -> None:
    group = plan_of(tmp_path).groups["monthly"]
    assert group.partners == ("1234567",)
    assert group.range == "last_12_months"
    assert group.steps == ["fetch", "ingest", "run", "send"]


@pytest.mark.parametrize("weekday", ["0", "1-5", "*/2", "mon,3"])
def test_a_weekday_with_a_number_is_refused_since_programs_count_differently(
    weekday: str, tmp_path: Path
) -> None:
    with pytest.raises(ParameterError, match=r"cron: .* write sun, mon, tue, wed, thu, fri or sat"):
        plan_of(tmp_path, cron=f"0 6 * * {weekday}")


def test_a_day_of_month_and_a_weekday_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"put \* for one of them"):
        plan_of(tmp_path, cron="0 6 1-7 * mon")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"cron": "0 6 5 *"}, "is not a cron line"),
        ({"cron": "60 6 5 * *"}, "is not a cron line"),
        ({"cron": "0 6 * * fri-tue"}, "is not a cron line"),
        ({"cron": "0 6 30 2 *"}, "a day that no year has"),
        ({"cron": "0 6 31 feb,4,6,9,11 *"}, "a day that no year has"),
        ({"cron": "0 6 32 2 *"}, "is not a cron line"),
        ({"cron": "0 6 5 13 *"}, "is not a cron line"),
        ({"cron": "0 0 6 5 * *"}, "is not a cron line"),
        ({"cron": "@daily"}, "is not a cron line"),
        ({"time_zone": "Europe/Stokholm"}, "'Europe/Stokholm'; did you mean 'Europe/Stockholm'?"),
        ({"time_zone": "../../etc/localtime"}, "no time zone is called"),
        ({"steps": ["run", "ingest"]}, "in the order fetch, ingest, run, send, each at most once"),
        ({"steps": ["run", "run"]}, "in the order fetch, ingest, run, send, each at most once"),
        ({"steps": ["print"]}, "'fetch', 'ingest', 'run' or 'send'"),
        ({"steps": []}, "groups.monthly.steps"),
        ({"partners": []}, "neither all nor a list of partner ids"),
        ({"partners": "everybody"}, "neither all nor a list of partner ids"),
        ({"partners": [1234567]}, "put it in quotes"),
        ({"partners": ["../1"]}, "is no partner id"),
        ({"range": "last_9_months"}, "last_3_months, last_6_months, last_12_months"),
        ({"catch_up_hours": 0}, "groups.monthly.catch_up_hours"),
        ({"grace_hours": "6"}, "groups.monthly.grace_hours"),
        ({"alert_to": "ops@example.com\nBcc: all@example.com"}, "is not an address"),
        ({"alert_to": "nobody"}, "is not an address"),
        ({"zone": "Europe/Stockholm"}, "'zone' is none of: partners, cron, time_zone"),
        ({"name": "../up"}, "is not a name"),
    ],
)
def test_what_is_wrong_is_told_with_its_file(
    wrong: dict[str, Any], told: str, tmp_path: Path
) -> None:
    with pytest.raises(ParameterError) as refused:
        plan_of(tmp_path, **wrong)
    assert str(refused.value).startswith(f"{tmp_path / 'schedule.yml'}: ")
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "groups: {}", "groups: {a: {}, a: {}}", "group: {}"])
def test_a_file_without_a_plan_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "schedule.yml").write_text(text, encoding="utf-8")
    with pytest.raises(ParameterError, match=r"schedule\.yml: "):
        read_plan(tmp_path)


def test_a_missing_file_is_told_with_what_it_is_for(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="no such file; it says what is done when"):
        read_plan(tmp_path)
