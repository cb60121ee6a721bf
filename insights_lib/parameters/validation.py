"""What is common to all parameter files: strict models, errors as sentences, YAML."""

from collections.abc import Hashable, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationError,
)

from insights_lib.errors import ParameterError

Model = TypeVar("Model", bound=BaseModel)


class Strict(BaseModel):
    """A frozen model that takes no unknown key and no value of another type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


def unknown(name: str, known: Iterable[str]) -> str:
    """Half a sentence: the name is not a known one, and which one may be meant."""
    known = tuple(known)
    near = get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{name!r} is none of: {', '.join(known)}{hint}"


def validated(model: type[Model], values: dict[str, Any], where: str = "") -> Model:
    """A model of plain values; a sentence says which of them is wrong first.

    Args:
        model: What they are to be.
        values: The values by their names.
        where: Where they come from, such as a file.

    Raises:
        ParameterError: With the place, the reason, and what was allowed.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ParameterError(f"{where}{where and ': '}{_sentence(error, model)}") from error


def _sentence(error: ValidationError, model: type[BaseModel]) -> str:
    """The first thing that is wrong, its place, and what was allowed."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])  # empty, if it is the whole
    if first["type"] == "extra_forbidden":
        *above, name = first["loc"]
        return _ended(unknown(str(name), _fields_at(model, tuple(above))))
    reason = first["msg"].removeprefix("Value error, ").rstrip(".")
    if first["type"] == "too_short":
        reason = "is empty; it needs at least one entry"
    if first["type"] == "string_type":
        reason += f", not {first['input']!r}; put it in quotes"
    return _ended(f"{place}: {reason}" if place else reason)


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith("?") else f"{sentence}."


def _fields_at(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """The names that are known at a place of a model with models, or lists or dicts of them."""
    inside: Any = model
    for part in place:
        if isinstance(inside, type) and issubclass(inside, BaseModel):
            inside = inside.model_fields[str(part)].annotation
        else:
            inside = get_args(inside)[-1]
    return list(inside.model_fields)


class _UniqueKeys(yaml.SafeLoader):
    """YAML whose mappings have each key once; without this the last of them would win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key, (place, _) in zip(keys, node.value, strict=True):
            if keys.count(key) > 1:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key!r} is there twice", problem_mark=place.start_mark
                )
        return super().construct_mapping(node, deep)


def read_yaml(file: Path, what_for: str) -> dict[str, Any]:
    """The settings of a YAML file.

    Args:
        file: The file.
        what_for: What one would write into it, as the end of a sentence.

    Raises:
        ParameterError: The file is missing, is not YAML, has a key twice, or holds no settings.
    """
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), _UniqueKeys)  # noqa: S506 - is safe
    except FileNotFoundError as error:
        raise ParameterError(f"{file}: no such file; {what_for}.") from error
    except OSError as error:
        raise ParameterError(f"{file}: cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise ParameterError(f"{file}: is not written in UTF-8; save it so.") from error
    except yaml.YAMLError as error:
        why = " ".join(str(error).replace('in "<unicode string>", ', "at ").split())
        raise ParameterError(f"{file}: cannot be read as YAML ({why}).") from error
    if not isinstance(content, dict):
        raise ParameterError(f"{file}: holds no settings; {what_for}.")
    return content
