"""The partners of a store, side by side."""

from dataclasses import asdict, fields
from pathlib import Path

import pandas as pd

from insights_lib.parameters.spec import store_place
from insights_lib.store.overview import PartnerOverview, overview


def partners(store: Path | str = "data/store") -> pd.DataFrame:
    """What the store holds: a row per partner, as `insights partners` lists them.

    Args:
        store: A folder, looked for here and in the folders above, or a URL.

    Returns:
        partner, name, first and last month with subscriptions, the customers of the last month,
        who of them was added and who churned in it, latest_export (when it was ingested, in UTC).
        Null where a number cannot be known.

    Raises:
        StoreError: There is no store.

    Example:
        >>> partners().sort_values("churned", ascending=False).head(1)
           partner     name    first     last  customers  added  churned     latest_export
        0  1234567  Contoso  2023-12  2025-12        283     12        7  2026-01-05T03:10
    """
    rows = [asdict(one) for one in overview(store_place(store))]
    table = pd.DataFrame(rows, columns=[field.name for field in fields(PartnerOverview)])
    return table.astype(dict.fromkeys(("customers", "added", "churned"), "Int64"))
