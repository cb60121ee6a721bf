"""The report of a partner, live in a cell of a notebook."""

import gzip
import json
from dataclasses import replace
from functools import cache
from typing import Any

import anywidget
import pandas as pd
import traitlets
from IPython.display import HTML, display

from insights_lib.analysis.partner import Partner, open_partner, partner_of
from insights_lib.analysis.selection import Choices, Selection, spec_of
from insights_lib.errors import InsightsError
from insights_lib.notebook import as_published, facts_of
from insights_lib.page import assets
from insights_lib.page.declared import declared_report
from insights_lib.page.rows import compact_rows
from insights_lib.page.saved import saved_page
from insights_lib.page.sections import Card
from insights_lib.page.write import content, is_counted
from insights_lib.parameters.spec import PRESETS, report_spec
from insights_lib.presentation.offline import BUNDLED_TRACES, as_json
from insights_lib.presentation.world import world_shapes
from insights_lib.store.partners import partner_ids
from insights_lib.store.slice import open_slice
from insights_lib.tables import TABLES


class Explorer(anywidget.AnyWidget):
    """A partner's report in a cell: the page of `report.html`, which Python and a reader share.

    Attributes:
        selection: What is chosen in it, as `{"product": ["Azure"], "from": "2025-04", "to":
            "2025-09"}`; `{}` is everything. Setting it moves the page.
        picked: The customers behind the number that was clicked last, None before a click: the rows
            of `customers.csv` in the page's order, of flows with their `month`, of values that a
            chart draws together with their `value`. Its `attrs` tell `what` it is in words, and the
            `mark` as the page knows it.

    Example:
        >>> x = explore("1234567")
        >>> x.selection = {"product": "Azure", "from": "2025-10"}
        >>> x.observe(lambda change: print(change.new), "selection")
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _library = traitlets.Bytes().tag(sync=True)  # sent once
    _content = traitlets.Bytes().tag(sync=True)  # sent with another partner or period
    _asked = traitlets.Dict().tag(sync=True)  # which partner and period, of which
    selection = traitlets.Dict().tag(sync=True)
    picked = traitlets.Instance(pd.DataFrame, allow_none=True)

    def __init__(self, partner: Partner) -> None:
        super().__init__(_esm=assets.text_of("widget.min.js"), _library=_library())
        self._show(partner)
        self.on_msg(self._heard)

    def _show(self, partner: Partner) -> None:
        """Show this partner from now on."""
        rows = compact_rows(partner.data)
        data = partner.data
        # What the page asks is answered beside the notebook's own cells, in another thread.
        cursor = data.database.cursor()
        beside = replace(data, connect=lambda: cursor)
        self._whole = self._slice = partner
        self._sliced: Selection = {}
        self._behind = Partner(beside, partner.language)
        self._choices = Choices.of(rows)
        report = declared_report(
            facts_of(data, partner.language), partner.language, self._computed_if_not_counted
        )
        text = json.dumps(content(report, rows, partner.language), separators=(",", ":"))
        held = sorted({f"{part.month:%Y-%m}" for part in data.parts.subscriptions()})
        asked = {
            "partner": data.spec.partner,
            "date_range": data.spec.date_range,
            "partners": partner_ids(data.spec.store),
            "presets": list(PRESETS),
            "months": held,
            "shown": str(data.date_range).split("_"),
        }
        with self.hold_sync():
            self.set_trait("picked", None)
            self.set_trait("_content", gzip.compress(text.encode(), 1))
            self.set_trait("_asked", asked)
            self.set_trait("selection", {})

    def _computed_if_not_counted(self, card: Card) -> Card:
        if is_counted(card, self._whole.data.spec.role):
            return card
        return _computed(card, self._whole)

    @traitlets.validate("selection")
    def _checked(self, proposal: Any) -> Selection:
        return self._choices.checked(proposal["value"])

    @property
    def partner(self) -> Partner:
        """What is selected, open to be asked as `open_partner` opens it."""
        if self.selection != self._sliced:
            data = self._whole.data
            spec = spec_of(data.spec, str(data.date_range), self.selection)
            self._slice = Partner(open_slice(spec), self._whole.language)
            self._sliced = self.selection
        return self._slice if self._sliced else self._whole

    def _heard(self, _: object, message: dict[str, Any], __: object) -> None:
        """What the page says, in another thread than that of the cells."""
        if "picked" in message:
            self._pick(**message["picked"])
        elif "open" in message:
            self.send({"answer": self._open(**message["open"])})
            self._get_ready()

    def _get_ready(self) -> None:
        """Compute what a click asks for, before there is one."""
        if self._whole.data.spec.role == "executive_report_viewer":
            self._behind.table("customers")

    def _pick(
        self, what: str, mark: dict[str, Any], customers: list[str], beside: dict[str, list[str]]
    ) -> None:
        known = self._behind.table("customers").set_index("customer", drop=False)
        # Several customers can share a subscription.
        keys = [key for text in customers for key in _keys_of(text, known.index)]
        if not set(keys) <= set(known.index):
            return  # it was clicked just before another partner was opened
        found = known.loc[keys].reset_index(drop=True)
        for column, values in beside.items():
            found.insert(0, column, values)
        if not beside:
            found = found.drop_duplicates("customer", ignore_index=True)
        found.attrs = {"what": what, "mark": mark}
        self.picked = found

    def _open(self, partner: str, date_range: str) -> str:
        """Show another partner or period; returns what hinders it, else nothing."""
        old = self._whole.data.spec
        name = old.partner_name if partner == old.partner else ""
        asked = {"partner": partner, "partner_name": name, "date_range": date_range}
        try:
            spec = report_spec(**{**dict(old), **asked})
            self._show(partner_of(spec))
        except InsightsError as error:
            return str(error)
        return ""

    def _ipython_display_(self) -> None:
        """Show the live report, then what the notebook keeps of it to be read without a kernel."""
        live = self._repr_mimebundle_()
        if live:
            display(live[0], metadata=live[1], raw=True)  # type: ignore[no-untyped-call]
        display(HTML(self._saved()))  # type: ignore[no-untyped-call]
        self._get_ready()

    def _saved(self) -> str:
        shown = self.partner
        facts = facts_of(shown.data, shown.language)
        # What is saved may be handed on; it tells of no single customer.
        report = declared_report(
            facts,
            shown.language,
            lambda card: card if TABLES[card.name].personal else _computed(card, shown),
        )
        return saved_page(report, shown.language)

    def __repr__(self) -> str:
        """Which report it is."""
        data = self._whole.data
        return f"<Explorer of partner {data.spec.partner}, {data.date_range}>"


def _computed(card: Card, partner: Partner) -> Card:
    """A card with the table and the figure that a notebook would publish."""
    figure = partner.chart(card.name)
    table = as_published(partner.table(card.name))
    return replace(card, table=table, figure=None if figure is None else as_json(figure))


def _keys_of(text: str, known: "pd.Index[Any]") -> list[str]:
    return [text] if text in known else text.split("; ")


@cache
def _library() -> bytes:
    """What every report is drawn with: plotly.js, the shapes of countries, and the style."""
    texts = {
        "plotly": assets.plotly(BUNDLED_TRACES),
        "world": world_shapes(),
        "style": assets.text_of("widget.min.css"),
    }
    return gzip.compress(json.dumps(texts).encode(), 1)


def explore(partner: str | Partner, **options: Any) -> Explorer:
    """The report of a partner, live in the cell that shows what this returns.

    Args:
        partner: Partner global account id, or an open partner.
        **options: What `open_partner` takes beside the id, such as `months="last_6_months"`; not
            with an open partner.

    Raises:
        ParameterError: An option is wrong.
        StoreError: The store holds nothing for them.

    Example:
        >>> x = explore("1234567", product="Azure")
        >>> x
        <Explorer of partner 1234567, 2025-01_2025-12>
        >>> x.picked.attrs["what"]
        'churned in Mar 2025, Azure'
    """
    return Explorer(open_partner(partner, **options) if isinstance(partner, str) else partner)
