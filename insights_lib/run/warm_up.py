"""What takes longer for the first time, done once before kernels are forked."""

import pandas as pd
import plotly.graph_objects as go

from insights_lib import charts
from insights_lib.exports.countries import country_codes
from insights_lib.presentation.language import Language
from insights_lib.timing import seconds_by_stage


def warm_up() -> None:
    """Draw charts of made-up tables; starts no thread."""
    language = Language("en")
    names = ["Kingdom of Sweden"]  # not the usual one, which need not be searched for
    spread = {"customer_market": names, "country_code": country_codes(names)}
    counts = ("current", "active", "new")
    numbers = {f"{kind}_{unit}": [1] for kind in counts for unit in ("customers", "pct")}
    charts.world_map(pd.DataFrame({**spread, **numbers}), language).to_json()
    share = {"customers": [1], "share_pct": [100.0]}
    sold = pd.DataFrame({"product": ["a"], "sku": [""], **share})
    charts.products(sold, language).to_json()
    sold.to_html()
    sold.to_string()
    go.Figure(go.Scatter(line={}), layout={"annotations": [{"font": {}}]})
    by_month = {"dimension": ["sku"], "value": ["a"], "month": ["2025-01"], "customers": [1]}
    charts.distribution_trend(pd.DataFrame(by_month), language).to_json()
    seconds_by_stage()  # what this took belongs to no report
