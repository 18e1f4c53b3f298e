"""Reading helpers of the demo's tests."""

from __future__ import annotations

from typing import Any

import psycopg

from deploy.demo_crm.storage import TABLES

Connection = psycopg.Connection[Any]


def value(connection: Connection, query: str, parameters: dict[str, Any] | None = None) -> Any:
    """Return the only value of a query."""
    row = connection.execute(query, parameters).fetchone()
    assert row is not None
    return row[0]


def table(connection: Connection, query: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """Return all rows of a query."""
    return connection.execute(query, parameters).fetchall()


def checksums(connection: Connection) -> dict[str, str]:
    """Return a checksum of every table that any changed byte changes."""
    return {
        name: value(connection, f"select md5(string_agg(t::text, e'\\n' order by t::text)) from {name} t")
        for name in TABLES
    }
