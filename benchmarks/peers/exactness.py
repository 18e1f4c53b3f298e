"""Tells a fast copy from a fast but wrong one: the same few sums on both sides, exact to the last digit and moment.

Sums over all values find what a look at some rows does not: one shifted time stamp, one rounded amount, one lost
backslash. That two rows exchanged a value, they do not find; comparing row by row is for the tests of the extraction.
"""

from __future__ import annotations

from typing import Any

import psycopg
from clickhouse_connect.driver.client import Client

# Name of a fact, in PostgreSQL, in ClickHouse. Ids may be texts or numbers there.
_FACTS = (
    ("rows", "count(*)", "count()"),
    ("sum of ids", "sum(id)", "sum(toInt64(id))"),
    ("sum of lead ids", "sum(lead_id)", "sum(toInt64(lead_id))"),
    ("deals without owner", "count(*) - count(owner_user_id)", "countIf(owner_user_id is null)"),
    ("amounts", "count(amount)", "count(amount)"),
    ("sum of amounts", "sum(amount)", "sum(amount)"),
    ("bytes of titles", "sum(octet_length(title))", "sum(length(title))"),
    ("titles \\N", "count(*) filter (where title = '\\N')", "countIf(title = '\\\\N')"),
    (
        "titles with tab, line feed and backslash",
        r"count(*) filter (where title = e'Ремонт\tи\nнастройка \\ «под ключ»')",
        r"countIf(title = 'Ремонт\tи\nнастройка \\ «под ключ»')",
    ),
    ("sum of closing days", "sum(expected_close_on - date '1970-01-01')", "sum(toInt32(expected_close_on))"),
    *(
        (
            f"{name} of {column}",
            f"{name}((extract(epoch from {column}) * 1000000)::bigint)",
            f"{name}(toInt128(toUnixTimestamp64Micro({column})))",
        )
        for column in ("closed_at", "created_at", "updated_at")
        for name in ("min", "max", "sum")
    ),
)

Facts = dict[str, str]


def facts_of_crm(connection: psycopg.Connection[Any], *, live_only: bool = False) -> Facts:
    """Return the facts of the CRM's `deals`; with `live_only` without those that the CRM marks as deleted."""
    expressions = ", ".join(f"({expression})::text" for _, expression, _ in _FACTS)
    row = connection.execute(f"select {expressions} from deals{' where deleted_at is null' if live_only else ''}")
    return dict(zip((name for name, _, _ in _FACTS), (str(value) for value in row.fetchone() or ()), strict=True))


def facts_of_copy(client: Client, table: str) -> Facts:
    """Return the facts of a copy.

    Args:
        client: of the warehouse.
        table: its quoted name, with `final` where only live rows count.
    """
    expressions = ", ".join(f"toString({expression})" for _, _, expression in _FACTS)
    row = client.query(f"select {expressions} from {table}").result_rows[0]
    return dict(zip((name for name, _, _ in _FACTS), (str(value) for value in row), strict=True))


def differences(expected: Facts, found: Facts) -> str:
    """Return which facts differ and how; nothing when the copy is exact."""
    return "; ".join(
        f"{name} is {found[name]} instead of {value}"
        for name, value in expected.items()
        if not _equal(found[name], value)
    )


def _equal(found: str, expected: str) -> bool:
    # ClickHouse drops the trailing zeros of a decimal.
    if "." in expected:
        return found.rstrip("0").rstrip(".") == expected.rstrip("0").rstrip(".")
    return found == expected
