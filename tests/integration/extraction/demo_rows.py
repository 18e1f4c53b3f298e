"""The demo CRM's rows as its replicas must show them, written down by hand and apart from the code under test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any, cast

from psycopg import sql
from psycopg.abc import Buffer
from psycopg.rows import dict_row
from psycopg.types.datetime import TimestamptzLoader

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
    columns, present = _replica(bench, table)
    expected = {_identity(row): row for row in _expected(bench.crm, table, columns)}
    found = [f"{table} {key}: only in the CRM" for key in expected.keys() - present.keys()]
    found += [f"{table} {key}: only in the replica" for key in present.keys() - expected.keys()]
    for key in expected.keys() & present.keys():
        found += [
            f"{table} {key} {column}: {value!r} became {present[key][column]!r}"
            for column, value in expected[key].items()
            if (present[key][column], type(present[key][column])) != (value, type(value))
        ]
    return found


def _replica(bench: Bench, table: str) -> tuple[Sequence[str], dict[tuple[Any, ...], Row]]:
    """Return the columns and the newest version of each row; FINAL would leave the tombstones out."""
    result = bench.warehouse.client.query(
        f"select * except (_version, _row_hash, _extracted_at, _not_representable, _checksum) "
        f"from {bench.warehouse.replica(table)} order by _version"
    )
    return result.column_names, {_identity(row): row for row in result.named_results()}


class _FiniteMomentLoader(TimestamptzLoader):
    """Reads infinity, which ClickHouse cannot hold, as None."""

    def load(self, data: Buffer) -> datetime:
        return cast(datetime, None) if b"infinity" in bytes(data) else super().load(data)


def _expected(crm: Connection, table: str, columns: Iterable[str]) -> list[Row]:
    with crm.cursor(row_factory=dict_row) as cursor:
        cursor.adapters.register_loader("timestamptz", _FiniteMomentLoader)
        rows = cursor.execute(sql.SQL("select * from {}").format(sql.Identifier(table))).fetchall()
    return [{column: _cell(table, column, row) for column in columns} for row in rows]


def _cell(table: str, column: str, row: Row) -> Any:
    if column == "_deleted":
        return int(row.get("deleted_at") is not None)
    translate = _TRANSLATED.get((table, column))
    value = translate(row) if translate else row[column]
    if isinstance(value, date) and not 1900 <= value.year < 2300:
        return None
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None)
    if isinstance(value, int) and (column == "id" or column.endswith("_id")):
        return str(value)
    return value


def _identity(row: Row) -> tuple[Any, ...]:
    if "rate_on" in row:
        return row["tenant_id"], row["currency"], row["rate_on"]
    if "outcome" in row:
        return row["tenant_id"], row["pipeline_id"], row["id"]
    return row["tenant_id"], row.get("id")
