"""The log of finished loads, `ops.extraction_state`: its latest row per table says how far the replica has come.

A row is written after the rows of the load are in, so that a crash in between only means reading them again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.binding import quote_identifier

from orchestration.extraction.replica import INSERT_SETTINGS, Warehouse, microseconds

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ExtractionState:
    """One finished load.

    Attributes:
        source: the mapping's name.
        table: the canonical table.
        mode: `full`, `incremental` or `not mapped`.
        reason: why a load was full; empty otherwise.
        boundary: every change committed with an earlier stamp is in the replica.
        boundary_method: how the boundary was found, `transactions` or `lag`.
        rows: rows read from the CRM.
        bytes: size of their text form.
        started_at: start of the load.
        finished_at: when its rows were in; in the log, later than that of every load of the table before.
        run_id: the run that did it.
        fingerprint: of the table's mapping, types and SELECT.
        source_identity: of the CRM's database.
    """

    source: str
    table: str
    mode: str
    reason: str
    boundary: datetime
    boundary_method: str
    rows: int
    bytes: int
    started_at: datetime
    finished_at: datetime
    run_id: str
    fingerprint: str
    source_identity: str


def create_state_table(warehouse: Warehouse) -> None:
    """Create the log where it is missing."""
    warehouse.run(f"""
create table if not exists {_name(warehouse)}{warehouse.on_cluster}
(
    source String,
    table_name String,
    mode String,
    reason String,
    boundary DateTime64(6, 'UTC'),
    boundary_method String,
    rows UInt64,
    bytes UInt64,
    started_at DateTime64(6, 'UTC'),
    finished_at DateTime64(6, 'UTC'),
    run_id String,
    mapping_hash String,
    source_identity String
)
engine = {warehouse.engine()}
order by (source, table_name, finished_at)
""")


def latest_state(warehouse: Warehouse, source: str, table: str) -> ExtractionState | None:
    """Return the last finished load of a table, or None."""
    rows = warehouse.rows(
        f"""
select mode, reason, toUnixTimestamp64Micro(boundary), boundary_method, rows, bytes,
    toUnixTimestamp64Micro(started_at), toUnixTimestamp64Micro(finished_at), run_id, mapping_hash, source_identity
from {_name(warehouse)}
where source = {{source:String}} and table_name = {{table:String}}
order by finished_at desc
limit 1
""",
        source=source,
        table=table,
    )
    if not rows:
        return None
    mode, reason, boundary, method, count, size, started, finished, run_id, fingerprint, identity = rows[0]
    return ExtractionState(
        source=source,
        table=table,
        mode=mode,
        reason=reason,
        boundary=_moment(boundary),
        boundary_method=method,
        rows=count,
        bytes=size,
        started_at=_moment(started),
        finished_at=_moment(finished),
        run_id=run_id,
        fingerprint=fingerprint,
        source_identity=identity,
    )


def append_state(warehouse: Warehouse, state: ExtractionState) -> None:
    """Log a finished load."""
    warehouse.run(
        f"""
insert into {_name(warehouse)}
select {{source:String}}, {{table:String}}, {{mode:String}}, {{reason:String}},
    fromUnixTimestamp64Micro({{boundary:Int64}}, 'UTC'), {{method:String}}, {{rows:UInt64}}, {{bytes:UInt64}},
    fromUnixTimestamp64Micro({{started:Int64}}, 'UTC'),
    -- Later than the one before, whatever the worker's clock says: the last load is the one that counts.
    greatest(fromUnixTimestamp64Micro({{finished:Int64}}, 'UTC'), (
        select max(finished_at) + toIntervalMicrosecond(1) from {_name(warehouse)}
        where source = {{source:String}} and table_name = {{table:String}}
    )),
    {{run_id:String}}, {{fingerprint:String}}, {{identity:String}}
""",
        settings=INSERT_SETTINGS,
        source=state.source,
        table=state.table,
        mode=state.mode,
        reason=state.reason,
        boundary=microseconds(state.boundary),
        method=state.boundary_method,
        rows=state.rows,
        bytes=state.bytes,
        started=microseconds(state.started_at),
        finished=microseconds(state.finished_at),
        run_id=state.run_id,
        fingerprint=state.fingerprint,
        identity=state.source_identity,
    )


def _name(warehouse: Warehouse) -> str:
    return f"{quote_identifier(warehouse.ops)}.extraction_state"


def _moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
