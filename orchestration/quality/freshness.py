"""How old the newest of a table is: its last load, and the newest row of each active tenant."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from clickhouse_connect.driver.binding import quote_identifier

from orchestration.extraction.canonical import CANONICAL_TABLES
from orchestration.extraction.replica import Warehouse
from orchestration.quality.finding import TenantRows
from orchestration.quality.suite import FreshnessRule
from orchestration.quality.volume import TenantFigure

ALL_TENANTS = "(all)"
_HOUR = 3600


def not_mapped_tables(warehouse: Warehouse) -> frozenset[str]:
    """Return the tables that the last load found without a mapping."""
    unmapped = "argMax(mode, finished_at) = 'not mapped'"
    rows = warehouse.rows(f"select table_name from {_state(warehouse)} group by table_name having {unmapped}")
    return frozenset(table for (table,) in rows)


def never_loaded_tables(warehouse: Warehouse) -> frozenset[str]:
    """Return the canonical tables that no load has finished yet, as while a warehouse is filled table by table."""
    return frozenset(CANONICAL_TABLES) - frozenset(last_loads(warehouse))


def last_loads(warehouse: Warehouse) -> dict[str, datetime]:
    """Return when the last load of each table finished."""
    query = f"select table_name, max(finished_at) from {_state(warehouse)} group by table_name"
    return {table: _aware(moment) for table, moment in warehouse.rows(query)}


def active_tenants(warehouse: Warehouse) -> frozenset[str]:
    """Return the tenants that the CRM marks as active; none while the tenants themselves have not been loaded."""
    if "tenants" in never_loaded_tables(warehouse):
        return frozenset()
    query = f"select tenant_id from {warehouse.replica('tenants')} final where is_active"
    return frozenset(tenant for (tenant,) in warehouse.rows(query))


def load_age(loaded: datetime | None, now: datetime) -> list[TenantFigure]:
    """Return the hours since the last load of a table; nothing where it was never loaded."""
    if loaded is None:
        return []
    return [TenantFigure(ALL_TENANTS, _hours(now, loaded), f"last load finished {loaded:%Y-%m-%d %H:%M} UTC")]


def row_ages(
    rule: FreshnessRule, tenants: Mapping[str, TenantRows], active: frozenset[str], now: datetime
) -> list[TenantFigure]:
    """Return the hours since the newest row of each active tenant that has rows."""
    return [
        TenantFigure(
            tenant,
            _hours(now, rows.newest_created),
            f"newest row {rows.newest_created:%Y-%m-%d %H:%M} UTC, expected within {rule.at_most_hours} hours",
        )
        for tenant, rows in tenants.items()
        if tenant in active and rows.newest_created is not None
    ]


def _hours(now: datetime, then: datetime) -> float:
    return round((now - then).total_seconds() / _HOUR, 1)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _state(warehouse: Warehouse) -> str:
    return f"{quote_identifier(warehouse.ops)}.extraction_state"
