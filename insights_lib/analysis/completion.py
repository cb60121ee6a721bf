"""What Tab completes within the quotes of a call: partners, filter values, tables, signals."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)

from insights_lib.analysis.comparison import COMPARED, Comparison
from insights_lib.analysis.partner import STATUSES, Partner
from insights_lib.errors import InsightsError
from insights_lib.parameters.spec import LOCALES, PRESETS, ROLES, report_spec
from insights_lib.store.choices import filter_values
from insights_lib.store.partners import partner_ids
from insights_lib.tables import FACETS, SIGNALS, TABLES

# The last quotes, not yet closed, and the call or the argument that they belong to.
_OPEN_TEXT = r"""["'](?P<typed>[^"'\n]*)$"""
_LIST = r"""\[?\s*(?:["'][^"'\n]*["']\s*,\s*)*"""
_METHOD = re.compile(rf"(?P<object>\w+)\.(?P<method>\w+)\(\s*(?:\w+\s*=\s*)?{_OPEN_TEXT}")
_PARTNER = re.compile(rf"\b(?:open_partner|explore)\(\s*(?:partner\s*=\s*)?{_OPEN_TEXT}")
_ARGUMENT = re.compile(
    r"""\b(?:open_partner|explore)\(\s*["'](?P<partner>[^"'\n]+)["']"""
    rf""".*\b(?P<name>\w+)\s*=\s*{_LIST}{_OPEN_TEXT}""",
    re.DOTALL,
)
_MUST_BE_ESCAPED = re.compile(r"""["'\\\n]""")


def completions(names: Mapping[str, Any]) -> Callable[[CompletionContext], SimpleMatcherResult]:
    """A matcher for IPython.

    Args:
        names: The variables of the session.
    """

    @context_matcher()  # type: ignore[untyped-decorator]
    def insights_matcher(context: CompletionContext) -> SimpleMatcherResult:
        typed, found = _found(context.text_until_cursor, names)
        fitting = [
            SimpleCompletion(text, type="value")
            for text in found
            if text.casefold().startswith(typed.casefold()) and not _MUST_BE_ESCAPED.search(text)
        ]
        return {"completions": fitting, "matched_fragment": typed, "suppress": bool(fitting)}

    matcher: Callable[[CompletionContext], SimpleMatcherResult] = insights_matcher
    return matcher


def _found(text: str, names: Mapping[str, Any]) -> tuple[str, Iterable[str]]:
    """What was typed after the last quote, and what could stand there."""
    try:
        if found := _METHOD.search(text):
            return found["typed"], _of_method(names.get(found["object"]), found["method"])
        if found := _PARTNER.search(text):
            return found["typed"], partner_ids(_store())
        if found := _ARGUMENT.search(text):
            return found["typed"], _of_argument(found["partner"], found["name"])
    except InsightsError:  # no store yet, for example: then there is nothing to complete
        pass
    return "", ()


def _of_method(thing: object, method: str) -> Iterable[str]:
    if isinstance(thing, Partner):
        drawn = (name for name in thing.names() if TABLES[name].chart)
        known = {"table": thing.names(), "chart": drawn, "signal": SIGNALS, "customers": STATUSES}
        return known.get(method, ())
    return COMPARED if isinstance(thing, Comparison) and method in {"table", "chart"} else ()


def _of_argument(partner: str, name: str) -> Iterable[str]:
    if name in FACETS:
        return _values(partner, name)
    return {"months": PRESETS, "role": ROLES, "locale": LOCALES}.get(name, ())


@lru_cache(maxsize=100)
def _values(partner: str, facet: str) -> tuple[str, ...]:
    return tuple(filter_values(report_spec(partner=partner), facet))


def _store() -> Any:
    return report_spec(partner="0").store
