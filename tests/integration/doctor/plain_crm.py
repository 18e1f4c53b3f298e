"""A CRM whose tables have the canonical names and no constraints at all, so that everything in it can be wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from psycopg import sql

from orchestration.extraction.canonical import CANONICAL_TABLES, CanonicalTable, Kind
from orchestration.extraction.source_catalog import Connection

_TYPES = {
    Kind.TEXT: "text",
    Kind.INTEGER: "integer",
    Kind.DECIMAL: "numeric(18, 8)",
    Kind.TIMESTAMP: "timestamptz",
    Kind.DATE: "date",
    Kind.BOOLEAN: "boolean",
}
_DEFAULTS: Mapping[str, str] = {
    "tenant_id": "'acme'",
    "name": "'some name'",
    "full_name": "'Jane Doe'",
    "timezone": "'Europe/Berlin'",
    "locale": "'en'",
    "is_active": "true",
    "role": "'manager'",
    "position": "1",
    "outcome": "'open'",
    "status": "'completed'",
    "activity_type": "'call'",
    "is_duplicate": "false",
    "pipeline_id": "'main'",
    "stage_id": "'new'",
    "currency": "'EUR'",
    "created_at": "'2026-01-05 09:00+00'",
    "updated_at": "'2026-01-05 09:00+00'",
    "changed_at": "'2026-01-06 09:00+00'",
    "sent_at": "'2026-01-06 09:00+00'",
    "rate": "1",
    "rate_on": "'2026-01-01'",
    "direction": "'inbound'",
    "channel": "'call'",
    "body": "'text'",
}


def create_tables(connection: Connection) -> None:
    """Create every canonical table, empty, with a mark for deleted rows."""
    for table in CANONICAL_TABLES.values():
        connection.execute(_definition(table))


def _definition(table: CanonicalTable) -> sql.Composed:
    columns = [
        sql.SQL("{} {} {}").format(
            sql.Identifier(column.name),
            sql.SQL(_TYPES[column.kind]),
            sql.SQL(f"default {_DEFAULTS[column.name]}" if column.name in _DEFAULTS else ""),
        )
        for column in table.columns
    ]
    return sql.SQL("create table {} ({}, gone boolean default false)").format(
        sql.Identifier(table.name), sql.SQL(", ").join(columns)
    )


def insert(connection: Connection, table: str, *rows: Mapping[str, Any]) -> None:
    """Insert rows; what is left out gets a harmless value, or stays empty where it may."""
    for row in rows:
        connection.execute(
            sql.SQL("insert into {} ({}) values ({})").format(
                sql.Identifier(table),
                sql.SQL(", ").join(map(sql.Identifier, row)),
                sql.SQL(", ").join(sql.Placeholder() for _ in row),
            ),
            list(row.values()),
        )


def plain_mapping(**changes: Mapping[str, Any] | None) -> str:
    """Return a mapping of every table to the one of its name.

    Args:
        changes: canonical table to keys that take the place of its own; None leaves the table out.
    """
    tables: dict[str, Any] = {}
    for name, table in CANONICAL_TABLES.items():
        columns = {
            column.name: column.name
            for column in table.columns
            if column.name != "tenant_id" and not column.only_if_mapped
        }
        own: dict[str, Any] = {
            "source": f"public.{name}",
            "columns": columns,
            "deleted": {"column": "gone", "equals": True},
        }
        change = changes.get(name, {})
        if change is not None:
            merged = {**own, **change, "columns": {**columns, **change.get("columns", {})}}
            merged["columns"] = {column: form for column, form in merged["columns"].items() if form is not None}
            tables[name] = {"snapshot": True} if change.get("snapshot") else merged
    document = {"name": "clinic", "timezone": "UTC", "tenant": {"column": "tenant_id"}, "tables": tables}
    return yaml.safe_dump(document, sort_keys=False)


def healthy(connection: Connection) -> None:
    """Create a CRM in which nothing is missing: one tenant with one of everything."""
    create_tables(connection)
    insert(connection, "tenants", {"currency": "EUR"})
    insert(connection, "departments", {"id": "d1"})
    insert(connection, "users", {"id": "u1", "department_id": "d1"})
    insert(connection, "pipelines", {"id": "main"})
    for position, (stage, outcome) in enumerate([("new", "open"), ("won", "won"), ("lost", "lost")], 1):
        insert(connection, "stages", {"id": stage, "position": position, "outcome": outcome})
    insert(connection, "lead_sources", {"id": "s1", "source_type": "online"})
    insert(connection, "companies", {"id": "c1"})
    insert(connection, "contacts", {"id": "k1"})
    insert(connection, "leads", {"id": "l1", "source_id": "s1", "owner_user_id": "u1"})
    deal = {"id": "1", "owner_user_id": "u1", "company_id": "c1", "lead_id": "l1", "amount": 100}
    insert(connection, "deals", deal)
    insert(connection, "deal_stage_history", {"id": "1", "deal_id": "1"})
    insert(connection, "deal_owner_history", {"id": "1", "deal_id": "1", "owner_user_id": "u1"})
    activity = {"id": "1", "assignee_user_id": "u1", "completed_at": "2026-01-07 09:00+00", "duration_minutes": 5}
    insert(connection, "activities", activity)
    insert(connection, "messages", {"id": "1"})
    insert(connection, "exchange_rates", {"currency": "USD"})
