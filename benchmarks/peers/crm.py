"""The CRM of the benchmark: the demo's tables with `deals` alone filled, and what happens to it between loads.

The rows themselves are in `deals.sql`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from deploy.demo_crm.storage import SCHEMA_FILE

Connection = psycopg.Connection[Any]

_ROWS_FILE = Path(__file__).with_name("deals.sql")

# What the mapping of the demo CRM reads of a deal, beside its tenant and its mark of deletion.
MAPPED_COLUMNS = (
    "id, title, pipeline_id, stage_id, owner_user_id, company_id, contact_id, lead_id, amount, currency, "
    "expected_close_on, closed_at, created_at, updated_at"
)
DELETED_ROWS = 10
SILENTLY_CHANGED_ROWS = 100


def fill_deals(connection: Connection, rows: int) -> None:
    """Create the demo's tables and `rows` deals, as settled as those of a table that has been there for long."""
    connection.execute(SCHEMA_FILE.read_text(encoding="utf-8").encode())
    # Nothing else is read, so nothing else is filled.
    query = "select conrelid::regclass::text, conname from pg_constraint where contype = 'f'"
    for table, name in connection.execute(query).fetchall():
        connection.execute(
            sql.SQL("alter table {} drop constraint {}").format(sql.Identifier(table), sql.Identifier(name))
        )
    connection.execute(_ROWS_FILE.read_text(encoding="utf-8").replace(":rows", str(rows)).encode())
    connection.execute("vacuum (analyze) deals")
    connection.execute("checkpoint")


def change_deals(connection: Connection, rows: int) -> int:
    """Change `rows` deals all over the table, the same ones each time, stamped as an application stamps them.

    Returns:
        How many were changed.
    """
    return connection.execute(
        "update deals set amount = coalesce(amount, 0) + 1, updated_at = now() where id %% %s = 0",
        [_every(connection, rows)],
    ).rowcount


def change_silently(connection: Connection) -> tuple[int, int]:
    """Change some deals without touching `updated_at` and delete some others; return how many of each."""
    changed = connection.execute(
        "update deals set amount = coalesce(amount, 0) + 1 where id %% %s = 1",
        [_every(connection, SILENTLY_CHANGED_ROWS)],
    )
    deleted = connection.execute("delete from deals where id %% %s = 2", [_every(connection, DELETED_ROWS)])
    return changed.rowcount, deleted.rowcount


def _every(connection: Connection, rows: int) -> int:
    row = connection.execute("select max(id) from deals").fetchone()
    return int(row[0]) // rows if row else 1
