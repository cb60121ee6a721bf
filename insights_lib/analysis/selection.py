"""What is chosen in a live report: filters and months, checked against what the report holds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from insights_lib.errors import ParameterError
from insights_lib.parameters.spec import DateRange, Filters, ReportSpec
from insights_lib.parameters.validation import unknown
from insights_lib.store.choices import nearest
from insights_lib.tables import FACETS

_MONTHS = ("from", "to")
Selection = dict[str, Any]


@dataclass(frozen=True)
class Choices:
    """What can be chosen in a report.

    Attributes:
        values: The values of each facet.
        months: The months of the report and all before them that can be chosen, as `2025-01`.
        first: The first month of the report.
    """

    values: Mapping[str, tuple[str, ...]]
    months: tuple[str, ...]
    first: str

    @classmethod
    def of(cls, rows: Mapping[str, Any]) -> "Choices":
        """What can be chosen of packed rows; see `page.rows.compact_rows`."""
        values = {facet: tuple(rows["values"][facet]) for facet in FACETS}
        # The first one is there to tell who came in the second.
        return cls(values, tuple(rows["months"][1:]), rows["months"][rows["first"]])

    def checked(self, selection: object) -> Selection:
        """A selection in its full form: lists of values as the data spell them, and both months.

        Args:
            selection: Values by facet, one or several, and perhaps `from` and `to`.

        Returns:
            The facets that have values, with these; the months unless they are the report's own.

        Raises:
            ParameterError: A name, a value or a month is not one of the report's, or there are more
                months than a report can have.

        Example:
            >>> choices.checked({"product": "azure", "from": "2025-10"})
            {'product': ['Azure'], 'from': '2025-10', 'to': '2025-12'}
        """
        if not isinstance(selection, Mapping):
            raise ParameterError(
                f"selection: {selection!r:.60} is not a dictionary such as "
                '{"product": ["Azure"], "from": "2025-04", "to": "2025-09"}.'
            )
        for name in selection:
            if name not in (*FACETS, *_MONTHS):
                raise ParameterError(f"selection: {unknown(str(name), (*FACETS, *_MONTHS))}.")
        chosen = {
            facet: [self._value(facet, text) for text in _texts(facet, selection[facet])]
            for facet in FACETS
            if selection.get(facet)
        }
        return {**chosen, **self._range(selection)}

    def _value(self, facet: str, text: str) -> str:
        known = {value.lower(): value for value in self.values[facet]}
        if text.lower() in known:
            return known[text.lower()]
        if not known:
            raise ParameterError(f"selection: the exports of the report do not tell {facet}.")
        raise ParameterError(
            f"selection: no {facet} of the report is {text[:60]!r}; "
            f"{nearest(text, self.values[facet])}"
        )

    def _range(self, selection: Mapping[str, Any]) -> Selection:
        whole = self.first, self.months[-1]
        first, last = (
            self._month(name, selection.get(name) or otherwise)
            for name, otherwise in zip(_MONTHS, whole, strict=True)
        )
        if first > last:
            raise ParameterError(f"selection: from {first} is after to {last}; swap the months.")
        if (first, last) == whole:
            return {}
        DateRange.parse(f"{first}_{last}")  # which refuses more months than a report can have
        return {"from": first, "to": last}

    def _month(self, name: str, month: object) -> str:
        if month not in self.months:
            raise ParameterError(
                f"selection: {name} {month!r:.60} is no month of the report, which has "
                f"{self.months[0]} to {self.months[-1]}."
            )
        return str(month)


def _texts(facet: str, values: object) -> Iterable[str]:
    texts = [values] if isinstance(values, str) else values
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise ParameterError(f"selection: {facet} takes a text or a list of texts.")
    return dict.fromkeys(texts)


def spec_of(spec: ReportSpec, months: str, selection: Selection) -> ReportSpec:
    """What of a report is selected, as a report of its own.

    Args:
        spec: The report.
        months: Its months, as `2025-01_2025-12`.
        selection: A checked one.
    """
    if "from" in selection:
        months = f"{selection['from']}_{selection['to']}"
    chosen = {facet: tuple(selection[facet]) for facet in FACETS if facet in selection}
    filters = Filters(**{**dict(spec.filters), **chosen})
    return spec.model_copy(update={"filters": filters, "date_range": months})
