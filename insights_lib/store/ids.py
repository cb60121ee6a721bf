"""The ids of an export: which customer a row is of, and which ids a spreadsheet has spoilt."""

from collections.abc import Iterable

from insights_lib.store.sql import sql_text

_CUSTOMER = (
    "coalesce('tpid:' || CustomerTpid, 'tenant:' || CustomerTenantId, 'name:' || CustomerName)"
)
# What spreadsheets make of long ids: 1.23457E+12, 4000100.0, ="4000100", 4,000,100, #NUM!, ####.
_SPOILT = (
    r"(?i)[+-]?\d+[.,]\d*e[+-]?\d+|\d+e\+\d+|\d+[.,]0*|=.*|\d{1,3}(,\d{3})+"
    r"|#(N/A|NAME\?|NULL!|NUM!|REF!|VALUE!|DIV/0!|#+)"
)
_IDS_OF_A_CUSTOMER = ("CustomerTpid", "CustomerTenantId")


def with_customers(columns: Iterable[str], rows: str) -> tuple[list[str], str]:
    """Rows with `customer` in place of the customer's ids, and with `spoilt_id`.

    Args:
        columns: The columns of the rows.
        rows: A query for them.

    Returns:
        Their columns and a query for them; `customer` is null where a row tells of none, and
        `spoilt_id` where neither an id of the customer nor that of the subscription is spoilt.
    """
    kept = [name for name in columns if name not in _IDS_OF_A_CUSTOMER]
    ids = (*_IDS_OF_A_CUSTOMER, "subscription")
    spoilt = ", ".join(f"CASE WHEN {is_spoilt(name)} THEN {name} END" for name in ids)
    return (
        [*kept, "customer", "spoilt_id"],
        f"""SELECT {", ".join(kept)}, {_CUSTOMER} AS customer, coalesce({spoilt}) AS spoilt_id
            FROM ({rows})""",
    )


def is_spoilt(name: str) -> str:
    """An SQL condition: an id has become a number, or what a spreadsheet shows instead of one."""
    # Few ids have any of these characters, and the whole pattern takes its time.
    suspicious = " OR ".join(f"contains({name}, '{c}')" for c in ".,+=#")
    return f"({suspicious}) AND regexp_full_match({name}, {sql_text(_SPOILT)})"
