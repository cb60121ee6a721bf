"""Which locations belong to which global account, from Profile exports."""

from insights_lib.store.publish import Batch
from insights_lib.store.staging import StagedExport

Locations = dict[str, tuple[str, str]]  # the account of each, and its name


def accounts_of(batch: Batch, staged: StagedExport, reason: str) -> Locations:
    """What a Profile export says of locations.

    Args:
        batch: The exports of which this is one.
        staged: The export.
        reason: An SQL expression over `staged`, null for a row that is kept.

    Raises:
        ExportError: A location belongs to another account, whose rows would go with it.
    """
    # A global account has a location of its own id, whether or not a Profile says so.
    belongs = dict(
        batch.db.execute(
            """SELECT account, account FROM accounts
               UNION SELECT account, account FROM parts WHERE NOT is_location"""
        ).fetchall()
    ) | dict(batch.db.execute("SELECT location, account FROM accounts").fetchall())
    if batch.reassign:
        belongs.clear()
    known: Locations = {}
    for location, account, name, row in staged.rows(
        f"""SELECT location, account, arg_max(name, file_row_number), min(file_row_number) AS row
            FROM staged WHERE {reason} IS NULL GROUP BY location, account ORDER BY row"""
    ):
        owner = known[location][0] if location in known else belongs.get(location, account)
        if owner != account:
            raise staged.refusal(
                row,
                f"the location {location} belongs to the account {owner}, and this line gives it, "
                f"and all its rows, to {account}. "
                + (
                    "Correct one of the two lines."
                    if location in known
                    else "If that is right, ingest the file with --reassign."
                ),
            )
        known[location] = (account, name)
    return known


def take_accounts(batch: Batch, known: Locations, number: int) -> None:
    """Replace what is known of the global accounts that a Profile export lists.

    Args:
        batch: The exports of which this is one.
        known: What it says.
        number: Of the export.
    """
    booked = batch.book(number)
    accounts = {(account, booked) for account, _ in known.values()}
    batch.db.executemany("DELETE FROM accounts WHERE account = ? AND export < ?", accounts)
    batch.db.executemany(
        "INSERT OR REPLACE INTO accounts VALUES (?, ?, ?, ?)",
        [(location, account, name, booked) for location, (account, name) in known.items()],
    )
