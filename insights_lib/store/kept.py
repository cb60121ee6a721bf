"""What the store keeps of an export, beside partner and customer, as typed columns."""

from insights_lib.exports import datasets
from insights_lib.exports.datasets import (
    AZURE_AMOUNTS,
    DIMENSION_COLUMNS,
    SUBSCRIPTION_DATASETS,
    find,
)
from insights_lib.exports.reader import Export
from insights_lib.store.staging import StagedExport
from insights_lib.store.typed import (
    AUTO_RENEW,
    DAY,
    DUPLICATE,
    MONTH,
    joins_of,
    number,
    refuse_wrong_numbers,
)

_NUMBERS = ("seats", *datasets.NUMBER_COLUMNS)
_DAYS = tuple(datasets.DATE_COLUMNS)
SUBSCRIPTION_COLUMNS = {
    "month": "DATE",
    "customer": "VARCHAR",
    "customer_name": "VARCHAR",
    "subscription": "VARCHAR",
    "state": "VARCHAR",
    **dict.fromkeys(DIMENSION_COLUMNS, "VARCHAR"),
    **dict.fromkeys(_NUMBERS, "DOUBLE"),
    **dict.fromkeys(_DAYS, "DATE"),
    **dict.fromkeys(("auto_renew", "duplicate"), "BOOLEAN"),
}
USAGE_COLUMNS = {
    "month": "DATE",
    "customer": "VARCHAR",
    "used": "BOOLEAN",
    "subscription": "VARCHAR",
    "workload": "VARCHAR",
    "amount": "DOUBLE",
    "per_subscription": "BOOLEAN",
    "duplicate": "BOOLEAN",
}


def kept_columns(staged: StagedExport) -> tuple[str, str]:
    """The select list of `SUBSCRIPTION_COLUMNS` or `USAGE_COLUMNS` but the customer, and its joins.

    Raises:
        ExportError: There is a value that is not what its column holds.
    """
    if staged.export.header.dataset.name in SUBSCRIPTION_DATASETS:
        return _of_subscriptions(staged)
    return _of_usage(staged)


def _of_subscriptions(staged: StagedExport) -> tuple[str, str]:
    refuse_wrong_numbers(staged, _NUMBERS)
    kinds = {"month_text": MONTH, **dict.fromkeys(_DAYS, DAY)}
    joins = joins_of(staged, kinds | {"auto_renew": AUTO_RENEW, "duplicate": DUPLICATE})
    products = staged.rows("SELECT DISTINCT product FROM staged WHERE product IS NOT NULL")
    folded = {text: datasets.fold_product(text) for (text,) in products}
    staged.map_values("products", folded, "VARCHAR")
    columns = (
        "month_text_.value AS month",
        "CustomerName AS customer_name",
        *("subscription", "state", "products.value AS product"),
        *(name for name in DIMENSION_COLUMNS if name != "product"),
        *(f"{number(name)} AS {name}" for name in _NUMBERS),
        *(f"{name}_.value AS {name}" for name in (*_DAYS, "auto_renew", "duplicate")),
    )
    return ", ".join(columns), f"{joins} LEFT JOIN products ON product = products.text"


def _of_usage(staged: StagedExport) -> tuple[str, str]:
    measures = staged.export.header.dataset.measures
    refuse_wrong_numbers(staged, measures)
    flags = dict.fromkeys(("duplicate", "acr_duplicate"), DUPLICATE)
    joins = joins_of(staged, {"month_text": MONTH, **flags})
    used = " OR ".join(f"coalesce({number(measure)} > 0, false)" for measure in measures)
    amount = _amount_column(staged.export)
    columns = (
        "month_text_.value AS month",
        f"{used} AS used",
        *("subscription", "workload"),
        f"{number(amount) if amount else 'NULL::DOUBLE'} AS amount",
        f"{amount == AZURE_AMOUNTS[-1]} AS per_subscription",
        "(duplicate_.value OR acr_duplicate_.value) AS duplicate",
    )
    return ", ".join(columns), joins


def _amount_column(export: Export) -> str | None:
    """The measure that says how much a usage row is of, None if the export has none."""
    if export.header.dataset.name != datasets.AZURE:
        return export.header.dataset.measures[0]
    has = (m for m in AZURE_AMOUNTS if find(export.header.names, (m,)) is not None)
    return next(has, None)
