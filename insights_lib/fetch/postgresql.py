"""PostgreSQL, which writes what is selected as CSV by itself: faster than values row by row."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

from sqlalchemy import URL
from sqlalchemy.engine import Connection

# Where nothing comes any more, libpq would wait for hours.
_PATIENCE = {
    "connect_timeout": "20",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "120000",
}
_TIMEOUT = "SET statement_timeout = '{minutes}min'"
# Types whose values PostgreSQL writes as exports have them.
_AS_EXPORTED = (
    *("int2", "int4", "int8", "float4", "float8", "numeric"),
    *("date", "timestamp", "timestamptz", "uuid", "text", "varchar", "bpchar", "name"),
)
_FLAG = "CASE {column} WHEN true THEN 'Yes' WHEN false THEN 'No' END"


def connect_arguments(url: URL) -> dict[str, str]:
    """What the driver needs so as not to wait for ever; nothing for other databases."""
    if url.get_backend_name() != "postgresql" or "psycopg" not in url.get_driver_name():
        return {}
    return {key: value for key, value in _PATIENCE.items() if key not in url.query}


def prepare(connection: Connection, minutes: int) -> None:
    """Have the server end what takes longer, and the driver give the texts that the server sends.

    Other databases have no such limit, and other drivers no such texts.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_TIMEOUT.format(minutes=minutes))
    if connection.dialect.driver == "psycopg":
        from psycopg.types.string import TextLoader  # noqa: PLC0415 - only its users have it

        driver: Any = connection.connection.driver_connection
        for name in _AS_EXPORTED:
            driver.adapters.register_loader(name, TextLoader)


class Copy(NamedTuple):
    """What a statement selects, written by the server.

    Attributes:
        names: The columns.
        statement: The COPY statement, whose texts have quotes only where they need them.
    """

    names: list[str]
    statement: str


def copy_of(connection: Connection, statement: str, delimiter: str) -> Copy | None:
    """Have the server write as CSV what a statement selects.

    Args:
        connection: Where it is selected.
        statement: The SELECT. It is not executed yet.
        delimiter: Between values.

    Returns:
        None where values have to be looked at one by one, as in other databases.
    """
    if connection.dialect.driver != "psycopg":
        return None
    driver: Any = connection.connection.driver_connection
    selected = statement.rstrip("; \t\r\n")
    if ";" in selected or driver.info.encoding != "utf-8":
        return None
    source = f"({selected}\n) AS selected"  # the line end is for one that ends with a comment
    with closing(driver.cursor()) as cursor:
        described = cursor.execute(f"SELECT * FROM {source} LIMIT 0").description
    known = driver.adapters.types
    flag, as_exported = known["bool"].oid, {known[name].oid for name in _AS_EXPORTED}
    columns = {f"c{i}": one.type_code for i, one in enumerate(described)}
    # What the driver does not know, such as an enumeration, is a text.
    if any(known.get(code) for code in {*columns.values()} - as_exported - {flag}):
        return None
    values = [_FLAG.format(column=name) if code == flag else name for name, code in columns.items()]
    return Copy(
        [one.name for one in described],
        f"COPY (SELECT {', '.join(values)} FROM {source} ({', '.join(columns)})) "
        f"TO STDOUT (FORMAT csv, DELIMITER '{delimiter}')",
    )


@contextmanager
def copied_rows(connection: Connection, copy: Copy) -> Iterator[Iterator[bytes]]:
    """Give what the server writes, row by row, each with its line end.

    A caller that does not read all rows ends the statement on the server.
    """
    driver: Any = connection.connection.driver_connection
    with closing(driver.cursor()) as cursor, cursor.copy(copy.statement) as rows:
        yield iter(rows)
