"""What is common to all parameter files: strict models, errors as sentences, YAML."""

from collections.abc import Callable, Hashable, Iterable
from difflib import get_close_matches
from pathlib import Path
from reprlib import Repr
from typing import Any, TypeVar, get_args

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from insights_lib.errors import ParameterError

Model = TypeVar("Model", bound=BaseModel)

LARGEST = 1 << 20  # bytes of a YAML file
MOST_NODES = 50_000  # values and keys in it, with what its aliases repeat
DEEPEST = 20  # levels of lists and mappings
_LONGEST_NUMBER = 30  # digits
_shortener = Repr()
_shortener.maxstring = _shortener.maxother = 60


class Strict(BaseModel):
    """A frozen model that takes no unknown key and no value of another type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


def only(test: Callable[[str], object], refusal: str) -> AfterValidator:
    """Takes the texts that pass a test; `{!r}` in the refusal stands for one that does not."""

    def check(text: str) -> str:
        if not test(text):
            raise ParameterError(refusal.format(text))
        return text

    return AfterValidator(check)


def unknown(name: str, known: Iterable[str]) -> str:
    """Half a sentence: the name is not a known one, and which one may be meant."""
    known = tuple(known)
    near = get_close_matches(name[:100], known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{_short(name)} is none of: {', '.join(known)}{hint}"


def validated(model: type[Model], values: dict[str, Any], where: str = "") -> Model:
    """A model of plain values that come from `where`, such as a file.

    Raises:
        ParameterError: The first value that is wrong, with its place and what was allowed.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ParameterError(f"{where}{where and ': '}{_sentence(error, model)}") from error


def _sentence(error: ValidationError, model: type[BaseModel]) -> str:
    """The first thing that is wrong, its place, and what was allowed."""
    first = error.errors()[0]
    sentence = first["msg"].removeprefix("Value error, ").rstrip(".")
    if first["type"] == "too_short":
        sentence = "is empty; it needs at least one entry"
    if first["type"] == "string_type":
        sentence += f", not {_short(first['input'])}; put it in quotes"
    if first["type"] == "extra_forbidden":
        *above, name = first["loc"]
        sentence = unknown(str(name), _fields_at(model, above))
    elif first["loc"]:  # it is not the whole
        parts = (_short(part) if len(str(part)) > 60 else str(part) for part in first["loc"])
        sentence = f"{'.'.join(parts)}: {sentence}"
    return sentence if sentence.endswith("?") else f"{sentence}."


def _fields_at(model: type[BaseModel], place: Iterable[int | str]) -> list[str]:
    """The names that are known at a place of a model with models, or lists or dicts of them."""
    inside: Any = model
    for part in place:
        fields = getattr(inside, "model_fields", None)
        inside = fields[str(part)].annotation if fields else get_args(inside)[-1]
    return list(inside.model_fields)


class _Loader(yaml.SafeLoader):
    """YAML within limits, whose mappings have each key once: else the last of them would win."""

    depth = size = 0  # levels, and nodes with what aliases repeat

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.sizes: dict[str, int] = {}  # by anchor

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        anchor, before = getattr(event, "anchor", None), self.size
        if isinstance(event, yaml.AliasEvent):
            # What is within itself has no size yet, and no end.
            self.size += self.sizes.get(str(anchor), MOST_NODES)
        self.depth, self.size = self.depth + 1, self.size + 1
        if self.depth > DEEPEST or self.size > MOST_NODES:
            what = f"more than {MOST_NODES:,} values, or values more than {DEEPEST} levels deep"
            raise _wrong(event, f"it has {what}")
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        if anchor and not isinstance(event, yaml.AliasEvent):
            self.sizes[anchor] = self.size - before
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            if node.tag.endswith(":int") and len(node.value) > _LONGEST_NUMBER:
                raise ValueError
            return super().construct_object(node, deep)
        except ValueError as error:  # a day that is in no calendar, for example
            kind = node.tag.rpartition(":")[2].replace("timestamp", "date").replace("int", "number")
            what = f"{_short(node.value)} is not a usable {kind}; a text stands in quotes"
            raise _wrong(node, what) from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable):  # else the loader itself tells it
                if key in seen:
                    raise _wrong(key_node, f"the key {_short(key)} stands twice")
                seen.add(key)
        return super().construct_mapping(node, deep)


def _wrong(where: Any, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=where.start_mark)


def read_yaml(file: Path, what_for: str) -> dict[str, Any]:
    """The settings of a YAML file; a refusal may end with what it is for.

    Raises:
        ParameterError: The file is missing, too large, not YAML, has a key twice, or no settings.
    """
    try:
        if file.stat().st_size > LARGEST:
            raise ParameterError(f"{file}: has more than {LARGEST >> 20} MB; shorten it.")
        if not (file.is_file() or file.is_dir()):
            raise ParameterError(f"{file}: is not a regular file; {what_for}.")
        content = yaml.load(file.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - is safe
    except FileNotFoundError as error:
        raise ParameterError(f"{file}: no such file; {what_for}.") from error
    except OSError as error:
        raise ParameterError(f"{file}: cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise ParameterError(f"{file}: is not written in UTF-8; save it so.") from error
    except yaml.YAMLError as error:
        why, mark = " ".join(str(error).split()), getattr(error, "problem_mark", None)
        if isinstance(error, yaml.MarkedYAMLError) and mark:
            why = f"{error.problem} at line {mark.line + 1}, column {mark.column + 1}"
        raise ParameterError(f"{file}: cannot be read as YAML ({why}).") from error
    if not isinstance(content, dict):
        raise ParameterError(f"{file}: holds no settings; {what_for}.")
    return content


def _short(value: object) -> str:
    """A value as Python writes it, but no longer than a line can be."""
    return _shortener.repr(value)
