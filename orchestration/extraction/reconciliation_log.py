"""The log of comparisons of replicas with the CRM, `ops.reconciliation`: what differed and what was done about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from clickhouse_connect.driver.binding import quote_identifier

from orchestration.extraction.held_rows import Changes
from orchestration.extraction.replica import INSERT_SETTINGS, Warehouse, microseconds


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One finished comparison of a replica, or of one month of it, with the CRM.

    Attributes:
        source: the mapping's name.
        table: the canonical table.
        scope: `table`, or the month that was read again, as `2026-03`.
        rows: rows that the CRM has in this scope.
        buckets: into how many buckets they were dealt; 1 for a month.
        buckets_differing: buckets that were read again.
        changes: the CRM's rows that differed and were written again, by reason.
        tombstones: rows of the replica that the CRM has no more.
        clean: afterwards the replica held exactly the CRM's rows.
        started_at: start.
        finished_at: end.
        run_id: the run that did it.
    """

    source: str
    table: str
    scope: str
    rows: int
    buckets: int
    buckets_differing: int
    changes: Changes
    tombstones: int
    clean: bool
    started_at: datetime
    finished_at: datetime
    run_id: str

    @property
    def seconds(self) -> float:
        """Return the duration."""
        return (self.finished_at - self.started_at).total_seconds()

    def describe(self) -> str:
        """Return one line for a person: how much was compared, what differed, what was done."""
        differ = "differ" if self.clean and not self.buckets_differing else "differed"
        line = f"{_counted(self.rows, 'row')}, {_counted(self.buckets, 'bucket')}, {self.buckets_differing:,} {differ}"
        if self.scope != "table":
            line = f"{self.scope}: {_counted(self.rows, 'row')} read again"
        done = [
            f"{_counted(count, 'row')} {what}"
            for count, what in (
                (self.changes.recent, "changed since the last load"),
                (self.changes.unstamped, "changed without a new updated_at"),
                (self.changes.missing, "missing from the replica"),
                (self.changes.damaged, "changed by hand in the replica"),
                (self.tombstones, "deleted in the CRM"),
            )
            if count
        ]
        if done:
            line += f": {', '.join(done)}; {'0 differ now' if self.clean else 'STILL DIFFERENT'}"
        elif not self.clean:
            line += "; STILL DIFFERENT"
        return line


def create_reconciliation_log(warehouse: Warehouse) -> None:
    """Create the log where it is missing."""
    warehouse.run(f"""
create table if not exists {_name(warehouse)}{warehouse.on_cluster}
(
    source String,
    table_name String,
    scope String,
    rows UInt64,
    buckets UInt32,
    buckets_differing UInt32,
    rows_recent UInt64,
    rows_unstamped UInt64,
    rows_missing UInt64,
    rows_damaged UInt64,
    tombstones UInt64,
    clean Bool,
    started_at DateTime64(6, 'UTC'),
    finished_at DateTime64(6, 'UTC'),
    run_id String
)
engine = {warehouse.engine()}
order by (source, table_name, finished_at)
""")


def append_reconciliation(warehouse: Warehouse, entry: Reconciliation) -> None:
    """Log a finished comparison."""
    warehouse.run(
        f"""
insert into {_name(warehouse)}
select {{source:String}}, {{table:String}}, {{scope:String}}, {{rows:UInt64}}, {{buckets:UInt32}},
    {{differing:UInt32}}, {{recent:UInt64}}, {{unstamped:UInt64}}, {{missing:UInt64}}, {{damaged:UInt64}},
    {{tombstones:UInt64}},
    {{clean:Bool}}, fromUnixTimestamp64Micro({{started:Int64}}, 'UTC'),
    fromUnixTimestamp64Micro({{finished:Int64}}, 'UTC'), {{run_id:String}}
""",
        settings=INSERT_SETTINGS,
        source=entry.source,
        table=entry.table,
        scope=entry.scope,
        rows=entry.rows,
        buckets=entry.buckets,
        differing=entry.buckets_differing,
        recent=entry.changes.recent,
        unstamped=entry.changes.unstamped,
        missing=entry.changes.missing,
        damaged=entry.changes.damaged,
        tombstones=entry.tombstones,
        clean=entry.clean,
        started=microseconds(entry.started_at),
        finished=microseconds(entry.finished_at),
        run_id=entry.run_id,
    )


def _name(warehouse: Warehouse) -> str:
    return f"{quote_identifier(warehouse.ops)}.reconciliation"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
