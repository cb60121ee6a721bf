"""A parameter file of any content is read, or refused at once in one short sentence."""

import os
import time
from itertools import pairwise
from pathlib import Path

import pytest

from insights_lib.errors import ParameterError
from insights_lib.parameters.validation import read_yaml, unknown

LETTERS = "abcdefghijkl"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in pairwise(LETTERS)
)
# Name of the file: (its text, what the reason says).
REFUSED = {
    "aliases that multiply": (BOMB, "more than 50,000 values"),
    "a list within itself": ("a: &a [*a]", "more than 50,000 values"),
    "a merge": ("a: &a {x: 1}\nb: {<<: *a}", "could not determine a constructor"),
    "deep lists": (f"a: {'[' * 5000}{']' * 5000}", "more than 20 levels deep"),
    "deep mappings": (f"a: {'{a: ' * 5000}1{'}' * 5000}", "more than 20 levels deep"),
    "many values": (f"a: [{', '.join('1' * 60_000)}]", "more than 50,000 values"),
    "a long number": (f"a: {'9' * 5000}", "is not a usable number"),
    "a long number to base 16": (f"a: 0x{'f' * 5000}", "is not a usable number"),
    "a long number to base 60": (f"a: {':'.join('1' * 5000)}", "is not a usable number"),
    "no day of the calendar": ("a: 2025-02-30", "'2025-02-30' is not a usable date"),
    "no time of the day": ("a: 2025-02-03 25:00:00", "is not a usable date"),
    "a large file": (f"a: 1 # {'x' * (1 << 20)}", "has more than 1 MB"),
    "a long key twice": (f"? {'k' * 900}\n: 1\n? {'k' * 900}\n: 2\n", "stands twice"),
    "a list as a key": ("? [a]\n: 1", "unhashable key"),
    "nothing": ("", "holds no settings"),
    "a tag of Python": ("a: !!python/object:os.system {}", "could not determine a constructor"),
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.values(), ids=list(REFUSED))
def test_what_cannot_be_settings_is_refused_at_once_in_a_short_sentence(
    text: str, reason: str, tmp_path: Path
) -> None:
    file = tmp_path / "reports.yml"
    file.write_text(text, encoding="utf-8")
    started = time.process_time()
    with pytest.raises(ParameterError, match=reason) as refused:
        read_yaml(file, "it says what to render")
    assert time.process_time() - started < 20
    assert len(str(refused.value).removeprefix(str(file))) < 250
    assert "\n" not in str(refused.value)


def test_twenty_thousand_keys_are_read_once_each(tmp_path: Path) -> None:
    file = tmp_path / "reports.yml"
    file.write_text("".join(f"key{i}: {i}\n" for i in range(20_000)), encoding="utf-8")
    started = time.process_time()
    assert len(read_yaml(file, "")) == 20_000
    assert time.process_time() - started < 30


def test_aliases_of_ordinary_size_are_read(tmp_path: Path) -> None:
    file = tmp_path / "reports.yml"
    text = "a: &a {x: 1, y: [2, 3]}\nb: *a\nd: [2025-02-28, 0x1f, null]\n"
    file.write_text(text, encoding="utf-8")
    settings = read_yaml(file, "")
    assert settings["b"] == settings["a"] == {"x": 1, "y": [2, 3]}
    assert [str(value) for value in settings["d"]] == ["2025-02-28", "31", "None"]


def test_a_name_of_any_length_is_told_in_short() -> None:
    sentence = unknown("x" * 1_000_000, ["ranges", "partners"])
    assert sentence.endswith("is none of: ranges, partners")
    assert len(sentence) < 120


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "reports.yml")
    with pytest.raises(ParameterError, match=r"reports\.yml: is not a regular file"):
        read_yaml(tmp_path / "reports.yml", "it says what to render")
