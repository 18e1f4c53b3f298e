"""Compares a developer's table with production's, row by row, inside the warehouse.

Which tables belong together is the caller's to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.binding import quote_identifier
from clickhouse_connect.driver.client import Client

_ROWS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view."""

    database: str
    name: str

    def __str__(self) -> str:
        """Return the quoted name for SQL."""
        return f"{quote_identifier(self.database)}.{quote_identifier(self.name)}"


@dataclass(frozen=True, slots=True)
class Difference:
    """How two tables differ, counted as bags of rows over the columns that both have.

    Attributes:
        added: columns of the developer's table only.
        removed: columns of production's table only.
        compared: columns that both have, in production's order.
        only_in_production: rows that the developer's table lacks.
        only_in_development: rows that production's table lacks.
        examples: rows that differ, the first of them in order: the side, then the values of `compared`.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    compared: tuple[str, ...]
    only_in_production: int
    only_in_development: int
    examples: tuple[tuple[Any, ...], ...]


def columns_of(client: Client, relation: Relation) -> list[str]:
    """Return the columns of a table in order; none where it does not exist."""
    query = """
    select name from system.columns where database = {database:String} and table = {table:String} order by position
    """
    rows = client.query(query, parameters={"database": relation.database, "table": relation.name}).result_rows
    return [name for (name,) in rows]


def compare(client: Client, production: Relation, development: Relation) -> Difference:
    """Compare two existing tables; both are read once."""
    old, new = columns_of(client, production), columns_of(client, development)
    compared = tuple(name for name in old if name in new)
    listed = ", ".join(map(quote_identifier, compared))
    # Grouped by every column: equal rows cancel out however often they occur, and NULL equals NULL.
    differing = f"""
    select {listed}, sum(side) as surplus
    from (
        select {listed}, 1 as side from {development} union all select {listed}, -1 as side from {production}
    )
    group by {listed}
    having surplus != 0
    """
    counts = client.query(
        f"select sumIf(-surplus, surplus < 0), sumIf(surplus, surplus > 0) from ({differing})"
    ).result_rows[0]
    examples = client.query(
        f"select if(surplus > 0, 'dev', 'production'), {listed} from ({differing}) order by {listed}, surplus"
        f" limit {_ROWS_SHOWN}"
    ).result_rows
    return Difference(
        added=tuple(name for name in new if name not in old),
        removed=tuple(name for name in old if name not in new),
        compared=compared,
        only_in_production=int(counts[0]),
        only_in_development=int(counts[1]),
        examples=tuple(tuple(row) for row in examples),
    )
