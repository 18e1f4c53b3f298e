"""The demo's tables in a database: creating, recognising, dropping them, and the row that says what was generated.

Filling them belongs in `fill`, advancing them in `day`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

Connection = psycopg.Connection[Any]

SCHEMA_FILE = Path(__file__).with_name("schema.sql")
TABLES = (
    "tenants",
    "departments",
    "users",
    "pipelines",
    "stages",
    "lead_sources",
    "companies",
    "contacts",
    "leads",
    "deals",
    "deal_stage_history",
    "deal_owner_history",
    "activities",
    "messages",
    "exchange_rates",
)
MARKER = "demo_generation"


class DemoError(Exception):
    """The demo cannot be filled or advanced; the message is one line that says why and what to do."""


@dataclass(frozen=True)
class Generation:
    """What the tables hold: `seed` and `deals` as asked for, the days played since, and the moment they lead up to."""

    seed: int
    deals: int
    days_played: int
    as_of: datetime


def read_generation(connection: Connection) -> Generation:
    """Return what was generated.

    Raises:
        DemoError: the database holds no filled demo.
    """
    if MARKER not in _present(connection):
        raise DemoError("this database holds no demo CRM: run `python -m deploy.demo_crm fill` first")
    row = connection.execute("select seed, deals, days_played, as_of from demo_generation").fetchone()
    if row is None:
        raise DemoError("this demo CRM is not filled: run `python -m deploy.demo_crm fill --replace`")
    return Generation(*row)


def read_as_of(connection: Connection) -> datetime:
    """Return the moment that the demo's data lead up to. Raises DemoError when there is no demo."""
    return read_generation(connection).as_of


def make_tables(connection: Connection, *, replace: bool) -> None:
    """Create the demo's tables; with `replace`, drop those of an earlier demo first.

    Raises:
        DemoError: the tables exist: another program's (never dropped), or the demo's and `replace` is not given.
    """
    present = _present(connection)
    if present and MARKER not in present:
        raise DemoError(
            f"tables that are not the demo's exist here ({', '.join(sorted(present)[:3])}, ...): use another database"
        )
    if present and not replace:
        raise DemoError("this database holds a demo CRM already: add --replace to drop and refill it")
    if present:
        names = sql.SQL(", ").join(sql.Identifier(name) for name in sorted(present))
        connection.execute(sql.SQL("drop table {}").format(names))
    connection.execute(SCHEMA_FILE.read_bytes())


def postpone_indexes(connection: Connection) -> list[sql.Composed]:
    """Drop the tables' constraints and indexes and return the statements that make them again, in order.

    Loading into bare tables and checking and sorting once at the end is several times faster.
    """
    constraints = connection.execute(
        """
        select conrelid::regclass::text, conname, pg_get_constraintdef(oid), contype::text
        from pg_constraint
        where connamespace = current_schema()::regnamespace and contype in ('p', 'f')
            and conrelid::regclass::text = any(%s)
        order by contype = 'f', conrelid::regclass::text, conname
        """,
        [[*TABLES]],
    ).fetchall()
    for table, name, _, _ in reversed(constraints):
        connection.execute(
            sql.SQL("alter table {} drop constraint {}").format(sql.Identifier(table), sql.Identifier(name))
        )
    indexes = connection.execute(
        "select indexname, indexdef from pg_indexes"
        " where schemaname = current_schema() and tablename = any(%s) order by 1",
        [[*TABLES]],
    ).fetchall()
    for name, _ in indexes:
        connection.execute(sql.SQL("drop index {}").format(sql.Identifier(name)))
    add = "alter table {} add constraint {} {}"
    primary, foreign = (
        [
            sql.SQL(add).format(sql.Identifier(table), sql.Identifier(name), sql.SQL(definition))
            for table, name, definition, kind in constraints
            if kind == wanted
        ]
        for wanted in ("p", "f")
    )
    return [*primary, *foreign, *(sql.Composed([sql.SQL(definition)]) for _, definition in indexes)]


def _present(connection: Connection) -> set[str]:
    found = connection.execute(
        "select table_name from information_schema.tables"
        " where table_schema = current_schema() and table_name = any(%s)",
        [[*TABLES, MARKER]],
    )
    return {name for (name,) in found}
