"""What a filter can choose: the values that a partner has, and the nearest to a wrong one."""

from collections.abc import Iterable
from difflib import get_close_matches

from insights_lib.parameters.spec import Filters, ReportSpec
from insights_lib.store.slice import open_slice

_MOST_NAMED = 12


def filter_values(spec: ReportSpec, facet: str) -> list[str]:
    """The values of a facet up to a report's last month, whatever its filters; sorted.

    Raises:
        StoreError: The store holds nothing for the spec.
    """
    everything = spec.model_copy(update={"filters": Filters(), "role": "report_viewer"})
    with open_slice(everything).database as database:
        found = database.execute(
            f"SELECT DISTINCT {facet} FROM subscriptions WHERE {facet} IS NOT NULL ORDER BY 1"
        ).fetchall()
    return [value for (value,) in found]


def nearest(value: str, known: Iterable[str]) -> str:
    """Which of the known values may be meant, as `did you mean 'Office 365'?`, else some of all."""
    by_fold = {one.casefold(): one for one in known}
    near = get_close_matches(value.casefold()[:100], by_fold, n=1)
    if near:
        return f"did you mean {by_fold[near[0]]!r}?"
    named = [*map(repr, by_fold.values())]
    more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
    return f"there are {', '.join(named[:_MOST_NAMED])}{more}."


def hints(spec: ReportSpec, unmatched: Iterable[str]) -> list[str]:
    """For each filter `facet=value` that no row matches, a sentence on what may be meant."""
    facets = (text.partition("=") for text in unmatched)
    return [
        f"{facet}={value}: {nearest(value, filter_values(spec, facet))}"
        for facet, _, value in facets
    ]
