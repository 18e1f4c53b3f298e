"""The tables of the restatement log in database `ops`. How changes are found belongs in `orchestration.restatements`.

Every row belongs to a batch, and counts only once the batch stands in `restatement_batches`: one insert of one row
commits all of it, so a run that dies in between has changed nothing.

- `month_baselines`: per mart and tenant, before which month all months are closed, and what was compared.
- `month_totals`: per closed month, its figures and a digest of the records behind them, as last seen; and since which
  batch its records count.
- `month_records`: the records behind each closed month. Of one record the rows of the last batch count, one per day
  that it stands on; without contributions it is no longer behind the month.
- `differing_records`: of the records that the last batch compared one by one those that differ, with their rows before
  and now.
- `restatement_entries`: what changed. `restatements` is the view of it that readers use: committed entries only.

`comparisons` alone belongs to no batch: up to which build of its report each mart was compared. It is written last;
where it lags, months are compared once more.
"""

from __future__ import annotations

from clickhouse_connect.driver.binding import quote_identifier

from orchestration.extraction.replica import Warehouse

# Sums of cents beyond any company; no figure of a report is finer.
FIGURE = "Decimal(38, 2)"

_MONTH = "mart LowCardinality(String), tenant_id String, month Date32"

_ROWS = f"Array(Tuple(place Array(String), contributions Map(String, {FIGURE})))"

# A warehouse of an older version has no such column: there each batch wrote the records of its months whole.
_RECORDS_SINCE = "records_since UInt64 default batch"

_TABLES = {
    "restatement_batches": (
        "batch UInt64, run_id String, detected_at DateTime64(6, 'UTC'), entries UInt64",
        "batch",
    ),
    "month_baselines": (
        "mart LowCardinality(String), tenant_id String, closed_before Date32, measures Array(String), "
        "places Array(String), batch UInt64",
        "mart, tenant_id, batch",
    ),
    "month_totals": (
        f"{_MONTH}, totals Map(String, {FIGURE}), digest UInt64, batch UInt64, {_RECORDS_SINCE}",
        "mart, tenant_id, month, batch",
    ),
    "month_records": (
        f"{_MONTH}, record_type LowCardinality(String), record_id String, place Array(String), "
        f"contributions Map(String, {FIGURE}), batch UInt64",
        "mart, tenant_id, month, batch, record_type, record_id",
    ),
    "differing_records": (
        f"{_MONTH}, record_type LowCardinality(String), record_id String, rows_before {_ROWS}, rows_now {_ROWS}, "
        "batch UInt64",
        "mart, tenant_id, month, record_type, record_id",
    ),
    "restatement_entries": (
        f"{_MONTH}, measure LowCardinality(String), value_from {FIGURE}, value_to {FIGURE}, "
        "records Array(Tuple(record_type String, record_id String, contribution_from Decimal(38, 2), "
        "contribution_to Decimal(38, 2), place_from Array(String), place_to Array(String), reason String)), "
        "batch UInt64",
        "tenant_id, mart, month, measure, batch",
    ),
    "comparisons": ("mart LowCardinality(String), built_until DateTime64(6, 'UTC')", "mart, built_until"),
}
_OF_NO_BATCH = ("restatement_batches", "comparisons")
# Emptied when the next batch begins.
_OF_LAST_BATCH = ("differing_records",)


def log_table(warehouse: Warehouse, table: str) -> str:
    """Return the quoted name of a table of the log."""
    return f"{quote_identifier(warehouse.ops)}.{quote_identifier(table)}"


def create_restatement_log(warehouse: Warehouse) -> None:
    """Create the tables of the log, and the view that readers use, where they are missing."""
    present = warehouse.rows(
        "select (select count() from system.tables where database = {ops:String} and name in {names:Array(String)}) + "
        "(select count() from system.columns where database = {ops:String} and table = 'month_totals' "
        "and name = 'records_since')",
        ops=warehouse.ops,
        names=[*_TABLES, "restatements"],
    )
    if present[0][0] > len(_TABLES) + 1:
        return
    for table, (columns, key) in _TABLES.items():
        warehouse.run(
            f"create table if not exists {log_table(warehouse, table)}{warehouse.on_cluster} ({columns}) "
            f"engine = {warehouse.engine()} order by ({key})"
        )
    # Said to one replica, the others take it over.
    warehouse.run(f"alter table {log_table(warehouse, 'month_totals')} add column if not exists {_RECORDS_SINCE}")
    warehouse.run(f"""
create view if not exists {log_table(warehouse, "restatements")}{warehouse.on_cluster} as
select
    entries.mart as mart, entries.tenant_id as tenant_id, entries.month as month, entries.measure as measure,
    entries.value_from as value_from, entries.value_to as value_to, entries.records as records,
    batches.run_id as run_id, batches.detected_at as detected_at
from {log_table(warehouse, "restatement_entries")} as entries
inner join {log_table(warehouse, "restatement_batches")} as batches on entries.batch = batches.batch
""")


def staged_tables() -> tuple[str, ...]:
    """Return the tables whose rows count only once their batch is committed."""
    return tuple(table for table in _TABLES if table not in (*_OF_NO_BATCH, *_OF_LAST_BATCH))
