"""What jsonschema imports for a check that hardly anybody asks for, imported when somebody does."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

_GRAMMAR = "rfc3987_syntax"


@contextmanager
def grammar_deferred() -> Iterator[None]:
    """Let jsonschema, which nbformat needs, be imported without its grammar of web addresses.

    To make the grammar takes seconds. It is made when an address is checked for the first time, so
    each check is what it always is, for everybody in this process.
    """
    if _GRAMMAR in sys.modules or find_spec(_GRAMMAR) is None:
        yield
        return
    stand_in = ModuleType(_GRAMMAR)
    stand_in.is_valid_syntax = _is_valid_syntax  # type: ignore[attr-defined]
    sys.modules[_GRAMMAR] = stand_in
    try:
        yield
    finally:
        if sys.modules.get(_GRAMMAR) is stand_in:
            del sys.modules[_GRAMMAR]


def _is_valid_syntax(term: str, value: str) -> bool:
    if getattr(sys.modules.get(_GRAMMAR), "is_valid_syntax", None) is _is_valid_syntax:
        del sys.modules[_GRAMMAR]
    return bool(import_module(_GRAMMAR).is_valid_syntax(term, value))
