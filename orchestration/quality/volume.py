"""How many rows there are, beside how many there were: `ops.row_counts` and the rows of a day beside earlier weeks.

Thresholds belong in the suites, verdicts in `expectations`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median

from clickhouse_connect.driver.binding import quote_identifier

from orchestration.extraction.replica import INSERT_SETTINGS, Warehouse
from orchestration.quality.finding import TenantRows
from orchestration.quality.measure import creation_column
from orchestration.quality.suite import RowsAddedRule, RowsLostRule, TableSuite

_WEEK = timedelta(days=7)
_NORMAL = 1.4826  # makes the median absolute deviation of a normal distribution its standard deviation


@dataclass(frozen=True, slots=True)
class TenantFigure:
    """A figure about a tenant that a rule has a threshold for.

    Attributes:
        tenant: whose.
        value: what the threshold is compared with.
        told: the figures behind it, for a reader.
    """

    tenant: str
    value: float
    told: str


def create_row_counts(warehouse: Warehouse) -> None:
    """Create the log of row counts where it is missing; it forgets after two years."""
    warehouse.run(f"""
create table if not exists {_log(warehouse)}{warehouse.on_cluster}
(
    table_name String,
    tenant_id String,
    live_rows UInt64,
    accepted Bool,
    counted_at DateTime64(6, 'UTC'),
    run_id String
)
engine = {warehouse.engine()}
order by (table_name, tenant_id, counted_at)
ttl toDateTime(counted_at) + toIntervalYear(2)
""")


def accepted_counts(warehouse: Warehouse, table: str) -> dict[str, int]:
    """Return the live rows per tenant at the last count that was accepted: the one that a loss is measured from."""
    rows = warehouse.rows(
        f"""
select tenant_id, argMax(live_rows, counted_at)
from {_log(warehouse)}
where table_name = {{table:String}} and accepted
group by tenant_id
""",
        table=table,
    )
    return {tenant: live for tenant, live in rows}


def append_counts(
    warehouse: Warehouse, table: str, counts: Mapping[str, int], *, refused: Sequence[str], run_id: str
) -> None:
    """Log tonight's counts; those of the tenants in `refused` are kept, but later nights do not measure from them."""
    if not counts:
        return
    warehouse.run(
        f"""
insert into {_log(warehouse)}
select {{table:String}}, counted.1, counted.2, not has({{refused:Array(String)}}, counted.1), now64(6), {{run:String}}
from (select arrayJoin(arrayZip({{tenants:Array(String)}}, {{counts:Array(UInt64)}})) as counted)
""",
        settings=INSERT_SETTINGS,
        table=table,
        tenants=list(counts),
        counts=list(counts.values()),
        refused=list(refused),
        run=run_id,
    )


def accept_counts(warehouse: Warehouse, table: str) -> list[tuple[str, int]]:
    """Accept the last count of every tenant whose loss was refused; return these tenants with their live rows."""
    refused = warehouse.rows(
        f"""
select tenant_id, argMax(live_rows, counted_at)
from {_log(warehouse)}
where table_name = {{table:String}}
group by tenant_id
having not argMax(accepted, counted_at)
order by tenant_id
""",
        table=table,
    )
    counts = {tenant: live for tenant, live in refused}
    append_counts(warehouse, table, counts, refused=(), run_id="accepted")
    return list(counts.items())


def rows_lost(rule: RowsLostRule, tenants: Mapping[str, TenantRows], before: Mapping[str, int]) -> list[TenantFigure]:
    """Return per tenant the percentage of rows that vanished since the accepted count; 0 below the rule's floor.

    A tenant that is no longer there at all has lost everything.
    """
    figures = []
    for tenant, rows in before.items():
        now = tenants[tenant].live if tenant in tenants else 0
        lost = rows - now
        percent = 100 * lost / rows if rows and lost > rule.beyond_rows else 0.0
        figures.append(TenantFigure(tenant, round(percent, 1), f"{now:,} live rows, {rows:,} before"))
    return figures


def rows_added(
    warehouse: Warehouse, suite: TableSuite, rule: RowsAddedRule, tenants: Mapping[str, TenantRows], now: datetime
) -> list[TenantFigure]:
    """Return per tenant by how many spreads the rows of the last whole day differ from the same weekday before.

    Tenants whose rows do not reach back over all weeks are left out: they have no history to differ from.
    """
    day = now.date() - timedelta(days=1)
    days = [day - week * _WEEK for week in range(rule.weeks + 1)]
    counted = _rows_of_days(warehouse, suite, days)
    figures = []
    for tenant, rows in tenants.items():
        if rows.first_created is None or rows.first_created.date() > days[-1]:
            continue
        today, *earlier = (counted.get((tenant, each), 0) for each in days)
        told = f"{today:,} rows on {day:%A} {day}, median of the {rule.weeks} before {median(earlier):,g}"
        figures.append(TenantFigure(tenant, deviation(today, earlier, beyond=rule.beyond_rows), told))
    return figures


def deviation(count: int, earlier: Sequence[int], *, beyond: int) -> float:
    """Return the spreads between `count` and the median of `earlier`; 0 where they differ by at most `beyond` rows."""
    middle = median(earlier)
    difference = abs(count - middle)
    if difference <= beyond:
        return 0.0
    spread = max(_NORMAL * median(abs(value - middle) for value in earlier), 0.1 * middle, 1.0)
    return round(difference / spread, 1)


def _rows_of_days(warehouse: Warehouse, suite: TableSuite, days: Sequence[date]) -> dict[tuple[str, date], int]:
    created = quote_identifier(creation_column(suite.canonical) or "created_at")
    rows = warehouse.rows(
        f"""
select tenant_id, toDate32({created}) as day, count()
from {warehouse.replica(suite.table)} final
where {created} >= toDateTime64({{first:String}}, 6, 'UTC')
    and {created} < toDateTime64({{end:String}}, 6, 'UTC')
    and has({{days:Array(String)}}, toString(toDate32({created})))
group by tenant_id, day
""",
        first=f"{min(days)} 00:00:00",
        end=f"{max(days) + timedelta(days=1)} 00:00:00",
        days=[str(day) for day in days],
    )
    return {(tenant, day): count for tenant, day, count in rows}


def _log(warehouse: Warehouse) -> str:
    return f"{quote_identifier(warehouse.ops)}.row_counts"
