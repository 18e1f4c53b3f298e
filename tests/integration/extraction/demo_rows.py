"""The demo CRM's rows as its replicas must show them, written down by hand and apart from the code under test."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from psycopg.rows import dict_row

from orchestration.extraction.source_catalog import Connection
from tests.integration.extraction.bench import Bench

Row = dict[str, Any]

_TRANSLATED: dict[tuple[str, str], Callable[[Row], Any]] = {
    ("tenants", "tenant_id"): lambda row: row["id"],
    ("users", "role"): lambda row: "other" if row["role"] == "service" else row["role"],
    ("activities", "activity_type"): lambda row: {"todo": "task", "visit": "other"}.get(row["kind"], row["kind"]),
    ("activities", "status"): lambda row: {"planned": "open", "in_progress": "open", "done": "completed"}.get(
        row["status"], row["status"]
    ),
    ("messages", "direction"): lambda row: f"{row['direction']}bound",
    ("deals", "closed_on"): lambda row: None,
}


def differences(bench: Bench, table: str) -> list[str]:
    """Compare every cell of a replica, tombstones included, with the CRM; return what differs."""
    present = _replica(bench, table)
    expected = {_identity(row): row for row in _expected(bench.crm, table, next(iter(present.values()), None))}
    found = [f"{table} {key}: only in the CRM" for key in expected.keys() - present.keys()]
    found += [f"{table} {key}: only in the replica" for key in present.keys() - expected.keys()]
    for key in expected.keys() & present.keys():
        found += [
            f"{table} {key} {column}: {value!r} became {present[key][column]!r}"
            for column, value in expected[key].items()
            if (present[key][column], type(present[key][column])) != (value, type(value))
        ]
    return found


def _replica(bench: Bench, table: str) -> dict[tuple[Any, ...], Row]:
    """Return the newest version of each row; FINAL would leave the tombstones out."""
    columns = bench.warehouse.client.query(
        f"select * except (_version, _row_hash, _extracted_at, _not_representable) "
        f"from {bench.warehouse.replica(table)} order by _version"
    )
    return {_identity(row): row for row in columns.named_results()}


def _expected(crm: Connection, table: str, shape: Row | None) -> list[Row]:
    if shape is None:
        shape = {}
    with crm.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(f"select * from {table}").fetchall()  # type: ignore[arg-type]
    return [{column: _cell(table, column, row) for column in shape or ("tenant_id", "id")} for row in rows]


def _cell(table: str, column: str, row: Row) -> Any:
    if column == "_deleted":
        return int(row.get("deleted_at") is not None)
    translate = _TRANSLATED.get((table, column))
    value = translate(row) if translate else row[column]
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None)
    if isinstance(value, int) and (column == "id" or column.endswith("_id")):
        return str(value)
    return value


def _identity(row: Row) -> tuple[Any, ...]:
    return tuple(
        row[name]
        for name in ("tenant_id", "pipeline_id", "id", "currency", "rate_on")
        if name in row and _keys(row, name)
    )


def _keys(row: Row, name: str) -> bool:
    return (
        name in ("tenant_id", "id")
        or ("rate_on" in row and name in ("currency", "rate_on"))
        or ("outcome" in row and name == "pipeline_id")
    )
