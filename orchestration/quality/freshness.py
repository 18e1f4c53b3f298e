"""How old the newest of a table is: its last load, and the newest row of each active tenant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from clickhouse_connect.driver.binding import quote_identifier

from orchestration.extraction.canonical import CANONICAL_TABLES
from orchestration.extraction.replica import Warehouse
from orchestration.quality.finding import TenantRows
from orchestration.quality.suite import FreshnessRule
from orchestration.quality.volume import TenantFigure

ALL_TENANTS = "(all)"
_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Landing:
    """How far the tables have landed.

    Attributes:
        loads: when the last load of each table finished; a table that no load has finished yet is missing, as while a
            warehouse is filled table by table.
        not_mapped: tables that the last load found without a mapping.
        active_tenants: the tenants that the CRM marks as active; none while the tenants have not been loaded.
    """

    loads: Mapping[str, datetime]
    not_mapped: frozenset[str]
    active_tenants: frozenset[str]

    @property
    def without_rows(self) -> frozenset[str]:
        """The tables that no row can refer to."""
        return self.not_mapped | (frozenset(CANONICAL_TABLES) - frozenset(self.loads))


def read_landing(warehouse: Warehouse) -> Landing:
    """Return how far the tables have landed."""
    rows = warehouse.rows(
        f"select table_name, max(finished_at), argMax(mode, finished_at) = 'not mapped' "
        f"from {quote_identifier(warehouse.ops)}.extraction_state group by table_name"
    )
    loads = {table: _aware(moment) for table, moment, _ in rows}
    active = f"select tenant_id from {warehouse.replica('tenants')} final where is_active"
    return Landing(
        loads,
        frozenset(table for table, _, is_not_mapped in rows if is_not_mapped),
        frozenset(tenant for (tenant,) in warehouse.rows(active)) if "tenants" in loads else frozenset(),
    )


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
