"""Names the rows that a failed dbt test found, in its check in Dagster.

dbt itself only counts them. Stored failures would write a table or view per test every night; asking the few tests that
failed once more costs nothing on a quiet one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from dagster import AssetCheckResult, MetadataValue, TableColumn, TableRecord, TableSchema

_ROWS = 10
_COLUMNS = 12
_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class FailingRows:
    """Some rows that a test found: column names, and the values of each row as text."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def sentence(self) -> str:
        """Return the first row in words, with the columns that tell it from others."""
        first = ", ".join(f"{name} {value}" for name, value in zip(self.columns[:4], self.rows[0][:4], strict=True))
        return f"for example {first}"


def with_failing_rows(events: Iterable[Any], client: Client, target: Path) -> Iterator[Any]:
    """Yield the events of a dbt run; to each failed test add the first rows that it found.

    Args:
        events: what dagster-dbt yields.
        client: of the warehouse.
        target: dbt's target folder of this run, with the compiled tests.
    """
    for event in events:
        if isinstance(event, AssetCheckResult) and not event.passed:
            found = read_failing_rows(client, _compiled_test(target, str(event.check_name)))
            yield _with_rows(event, found) if found else event
        else:
            yield event


def read_failing_rows(client: Client, sql: str | None) -> FailingRows | None:
    """Return the first rows of a compiled test; None where it cannot be asked or finds nothing now."""
    if sql is None:
        return None
    try:
        result = client.query(f"select * from (\n{sql}\n) limit {_ROWS}", settings={"join_use_nulls": 1})
    except ClickHouseError:
        # What failed stands in dbt's own message; to name rows is an extra that must not hide it.
        return None
    if not result.result_rows:
        return None
    return FailingRows(
        tuple(result.column_names[:_COLUMNS]),
        tuple(tuple(map(_short, row[:_COLUMNS])) for row in result.result_rows),
    )


def _with_rows(event: AssetCheckResult, found: FailingRows) -> AssetCheckResult:
    records: Sequence[TableRecord] = [TableRecord(dict(zip(found.columns, row, strict=True))) for row in found.rows]
    schema = TableSchema(columns=[TableColumn(name) for name in found.columns])
    counted = event.metadata.get("dagster_dbt/failed_row_count")
    told = f"{counted.value} rows fail, {found.sentence()}" if counted else found.sentence()
    metadata: Mapping[str, Any] = {**event.metadata, "failing_rows": MetadataValue.table(records, schema=schema)}
    return AssetCheckResult(
        passed=event.passed,
        asset_key=event.asset_key,
        check_name=event.check_name,
        severity=event.severity,
        description=told,
        metadata=metadata,
    )


def _compiled_test(target: Path, name: str) -> str | None:
    manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8")) if target.is_dir() else {"nodes": {}}
    for node in manifest["nodes"].values():
        if node["resource_type"] == "test" and node["name"] == name:
            for path in (target / "compiled").rglob(Path(node["path"]).name):
                return path.read_text(encoding="utf-8")
    return None


def _short(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= _CHARACTERS else f"{text[: _CHARACTERS - 1]}…"
