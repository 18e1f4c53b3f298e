"""The log of judged rules, `ops.rule_outcomes`: what each examination of a table found, tenant by tenant."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from clickhouse_connect.driver.binding import quote_identifier

from orchestration.extraction.replica import INSERT_SETTINGS, Warehouse
from orchestration.quality.verdict import TableVerdict

_COLUMNS = (
    "table_name", "suite", "rule", "severity", "kept", "broken", "broken_by_tenant", "skipped", "examined_at", "run_id",
    "logged_at",
)  # fmt: skip


def create_rule_log(warehouse: Warehouse) -> None:
    """Create the log where it is missing; it forgets after two years."""
    warehouse.run(f"""
create table if not exists {_log(warehouse)}{warehouse.on_cluster}
(
    table_name String,
    suite String,
    rule String,
    severity String,
    kept Bool,
    broken UInt64,
    broken_by_tenant Map(String, UInt64),
    skipped String,
    examined_at DateTime64(6, 'UTC'),
    run_id String,
    logged_at DateTime64(6, 'UTC')
)
engine = {warehouse.engine()}
order by (table_name, rule, examined_at)
ttl toDateTime(examined_at) + toIntervalYear(2)
""")


def append_outcomes(warehouse: Warehouse, verdict: TableVerdict, *, examined_at: datetime, run_id: str) -> None:
    """Log what one examination said of each rule of a table.

    Two runs may stand on one moment (AS_OF), so each also says when it was.
    """
    logged_at = datetime.now(UTC)
    rows = [
        [
            verdict.table,
            outcome.kind.value,
            outcome.name,
            outcome.severity,
            outcome.kept,
            outcome.broken,
            _plain(outcome.broken_by_tenant),
            outcome.skipped or "",
            examined_at,
            run_id,
            logged_at,
        ]
        for outcome in verdict.outcomes
    ]
    warehouse.client.insert(
        "rule_outcomes", rows, database=warehouse.ops, column_names=_COLUMNS, settings=INSERT_SETTINGS
    )


def _plain(counts: Mapping[str, int]) -> dict[str, int]:
    return {tenant: count for tenant, count in counts.items() if count}


def _log(warehouse: Warehouse) -> str:
    return f"{quote_identifier(warehouse.ops)}.rule_outcomes"
