"""Loads one table: the order of the steps, and what to say about the result.

1. Take the table's lock and decide between a full and an incremental load.
2. Measure the boundary, before anything is read.
3. Stage the rows in `crm.<table>__loading` and check them there; until then the replica is untouched.
4. Publish: exchange the staged table with the replica, or insert the rows that differ.
5. Log the new state.

A load that fails at any step is simply run again. Each step's SQL belongs in its own module.
"""

from __future__ import annotations

import logging
import time
import zlib
from collections.abc import Iterator
from collections.abc import Mapping as MappingOf
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

import psycopg
from clickhouse_connect.driver.exceptions import ClickHouseError

from orchestration.extraction.boundary import Boundary, measure_boundary
from orchestration.extraction.errors import ExtractionError, first_line
from orchestration.extraction.mapping import Mapping
from orchestration.extraction.plan import TablePlan, plan_table
from orchestration.extraction.replica import (
    Rejection,
    Staged,
    Warehouse,
    create_databases,
    create_loading,
    drop_loading,
    existing_columns,
    inspect_loading,
    publish_changes,
    publish_whole,
)
from orchestration.extraction.select import fingerprint, render_select
from orchestration.extraction.source_catalog import Connection, prepare_session, read_source_catalog
from orchestration.extraction.state import ExtractionState, append_state, create_state_table, latest_state
from orchestration.extraction.transport import Moved, stream_rows

LoadMode = Literal["full", "incremental", "not mapped"]

# First half of the advisory lock's key; the second is the table. Any constant that no other program uses will do.
_LOCK_CLASS = 0x63726D61

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What one load of one table did.

    Attributes:
        table: the canonical table.
        mode: `full`, `incremental`, or `not mapped`: the replica exists, with all its columns and without rows.
        reason: why the load was full; empty for an incremental one.
        rows: rows read from the CRM, tombstones included.
        rows_changed: rows that were inserted into the replica; a full load inserts all.
        bytes: size of the rows' text form.
        seconds: duration of the whole load.
        boundary: where the next incremental load starts, before its overlap; None when not mapped.
        boundary_method: `transactions`, or `lag` where open transactions could not be seen; None when not mapped.
        boundary_note: what held the boundary back, or why the lag was used.
        not_representable: per column, the values read in this load that ClickHouse cannot hold and that became NULL.
    """

    table: str
    mode: LoadMode
    reason: str
    rows: int
    rows_changed: int
    bytes: int
    seconds: float
    boundary: datetime | None = None
    boundary_method: str | None = None
    boundary_note: str = ""
    not_representable: MappingOf[str, int] = field(default_factory=dict)


def load_table(
    connection: Connection, warehouse: Warehouse, mapping: Mapping, table: str, *, run_id: str, full: bool = False
) -> LoadResult:
    """Bring one replica up to date with the CRM.

    The load is incremental unless `full` is given or something makes it impossible; `LoadResult.reason` tells what.
    A second load of the same table fails at once while the first one runs. The lock is an advisory one of the CRM's
    PostgreSQL session, so it ends with its worker however that dies; behind a connection pooler, sessions must not be
    shared between transactions.

    Args:
        connection: to the CRM, in autocommit and of its own for this load.
        warehouse: with a client of its own for this load.
        mapping: from `load_mapping`.
        table: name of a canonical table.
        run_id: of the run, for the log.
        full: read the whole table.

    Raises:
        ExtractionError: one line; the replica is as it was before.
    """
    if not connection.autocommit:
        raise ValueError("load_table needs a connection in autocommit")
    try:
        prepare_session(connection)
        with _lock(connection, warehouse, table):
            return _load(connection, warehouse, mapping, table, run_id=run_id, full=full)
    except psycopg.Error as error:
        raise ExtractionError(f"{table}: the CRM's PostgreSQL: {first_line(error)}") from error
    except ClickHouseError as error:
        raise ExtractionError(f"{table}: ClickHouse: {first_line(error)}") from error


@dataclass(frozen=True, slots=True)
class _Decision:
    """How to load: `since` is where an incremental load starts to read."""

    mode: LoadMode
    reason: str = ""
    since: datetime | None = None


def _load(
    connection: Connection, warehouse: Warehouse, mapping: Mapping, table: str, *, run_id: str, full: bool
) -> LoadResult:
    started, clock = datetime.now(UTC), time.monotonic()
    create_databases(warehouse)
    create_state_table(warehouse)
    catalog = read_source_catalog(connection, mapping)
    plan = plan_table(mapping, table, catalog)
    present = existing_columns(warehouse, table)
    state = latest_state(warehouse, mapping.name, table)
    if state is not None and state.source_identity != catalog.identity:
        state = None
    boundary = measure_boundary(
        connection,
        fallback_lag=timedelta(seconds=mapping.fallback_lag_seconds),
        previous=state.boundary if state else None,
    )
    decision = _decide(plan, mapping, state, present, asked_full=full)
    with _staging(warehouse, plan):
        moved = _stage(connection, warehouse, plan, boundary, decision)
        staged = inspect_loading(warehouse, plan)
        _check(plan, mapping, moved, staged)
        _check_lock(connection, warehouse, table)
        changed = _publish(warehouse, plan, decision, moved, replaces=bool(present))
    append_state(
        warehouse,
        ExtractionState(
            source=mapping.name,
            table=table,
            mode=decision.mode,
            reason=decision.reason,
            boundary=boundary.moment,
            boundary_method=boundary.method,
            rows=moved.rows,
            bytes=moved.bytes,
            started_at=started,
            finished_at=datetime.now(UTC),
            run_id=run_id,
            fingerprint=fingerprint(plan),
            source_identity=catalog.identity,
        ),
    )
    result = LoadResult(
        table=table,
        mode=decision.mode,
        reason=decision.reason,
        rows=moved.rows,
        rows_changed=changed,
        bytes=moved.bytes,
        seconds=time.monotonic() - clock,
        boundary=boundary.moment,
        boundary_method=boundary.method,
        boundary_note=boundary.note,
        not_representable=staged.not_representable,
    )
    _logger.info("%s: %s, %d rows in %.1f s", table, result.mode, result.rows, result.seconds)
    return result


def _decide(
    plan: TablePlan,
    mapping: Mapping,
    state: ExtractionState | None,
    present: tuple[tuple[str, str], ...],
    *,
    asked_full: bool,
) -> _Decision:
    """Choose between a full and an incremental load; `state` is that of this CRM database, if any."""
    if plan.source is None:
        return _Decision("not mapped", f"{mapping.file} does not map {plan.table.name}")
    reason = _why_full(plan, state, present, asked_full=asked_full)
    if reason or state is None:
        return _Decision("full", reason)
    return _Decision("incremental", since=state.boundary - timedelta(seconds=mapping.overlap_seconds))


def _why_full(
    plan: TablePlan, state: ExtractionState | None, present: tuple[tuple[str, str], ...], *, asked_full: bool
) -> str:
    if asked_full:
        return "asked for"
    if not present:
        return "there is no replica"
    if state is None:
        return "no load from this CRM database is on record"
    if state.fingerprint != fingerprint(plan):
        return "the mapping or the types of the source changed"
    if present != plan.replica_columns:
        return "the replica's columns are not those of the mapping"
    if plan.changed_since is None:
        return "the mapping names no changed_at"
    return ""


@contextmanager
def _staging(warehouse: Warehouse, plan: TablePlan) -> Iterator[None]:
    """Hold an empty staging table; a replica that took its place is no longer called that."""
    create_loading(warehouse, plan)
    try:
        yield
    finally:
        # Where the warehouse itself is gone, the next load drops it.
        with suppress(ClickHouseError):
            drop_loading(warehouse, plan)


def _stage(
    connection: Connection, warehouse: Warehouse, plan: TablePlan, boundary: Boundary, decision: _Decision
) -> Moved:
    if plan.source is None:
        return Moved(rows=0, bytes=0)
    select = render_select(plan, extracted_at=boundary.moment, since=decision.since)
    target = warehouse.loading(plan.table.name)
    return stream_rows(connection, select, warehouse, target, tuple(name for name, _ in plan.replica_columns))


def _publish(warehouse: Warehouse, plan: TablePlan, decision: _Decision, moved: Moved, *, replaces: bool) -> int:
    if decision.mode == "incremental":
        return publish_changes(warehouse, plan)
    publish_whole(warehouse, plan, replaces=replaces)
    return moved.rows


_MESSAGES_SHOWN = 3


def _check(plan: TablePlan, mapping: Mapping, moved: Moved, staged: Staged) -> None:
    """Refuse staged rows that are wrong, or fewer than were read."""
    if staged.rejected:
        messages = [_rejection(plan, mapping, rejection) for rejection in staged.rejected[:_MESSAGES_SHOWN]]
        more = len(staged.rejected) - len(messages)
        raise ExtractionError("; ".join(messages) + (f"; and {more} more like these" if more else ""))
    if staged.keys != moved.rows:
        key = ", ".join(plan.table.key)
        raise ExtractionError(
            f"{plan.table.name}: {moved.rows} rows were read but {staged.keys} different keys ({key}) arrived; "
            f"{plan.source} must have one row per key of {mapping.file}"
        )


def _rejection(plan: TablePlan, mapping: Mapping, rejection: Rejection) -> str:
    rows = f"{rejection.rows} rows" if rejection.rows > 1 else "1 row"
    where, example = f"{plan.table.name}.{rejection.column}", f"{rows}, such as {rejection.example}"
    column = next(column for column in plan.columns if column.name == rejection.column)
    match rejection.reason:
        case "unmapped":
            return f"{where}: value {rejection.value!r} is not mapped ({rows}); add it to {mapping.file}"
        case "not_allowed":
            allowed = ", ".join(column.allowed)
            return (
                f"{where}: value {rejection.value!r} is not one of {allowed} ({rows}); translate it in {mapping.file}"
            )
        case "missing":
            return (
                f"{where}: is empty but must not be ({example}); fill it in the CRM or by `coalesce` in {mapping.file}"
            )
        case "inexact":
            held = column.clickhouse_type.removeprefix("Nullable(")
            held = held.removesuffix(")") if held != column.clickhouse_type else held
            problem = f"value {rejection.value} does not fit {held} ({example})"
            return f"{where}: {problem}; say how to round it by `cast` in {mapping.file}"
        case _:
            problem = f"value {rejection.value} cannot be held and must not become empty ({example})"
            return f"{where}: {problem}; correct it in the CRM"


@contextmanager
def _lock(connection: Connection, warehouse: Warehouse, table: str) -> Iterator[None]:
    """Hold the table's lock: two loads at once could leave older rows under a newer boundary."""
    key = _lock_key(warehouse, table)
    taken = connection.execute("select pg_try_advisory_lock(%s, %s)", key).fetchone()
    if taken != (True,):
        holder = connection.execute(_LOCK_HOLDER, key).fetchone()
        who = f" in PostgreSQL session {holder[0]}" if holder else ""
        raise ExtractionError(f"{table}: another load of this table is running{who}; wait for it or stop it")
    try:
        yield
    finally:
        # Where the session is gone, so is its lock.
        with suppress(psycopg.Error):
            connection.execute("select pg_advisory_unlock(%s, %s)", key)


_LOCK_HOLDER = """
select pid from pg_locks
where locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database())
    and classid::bigint = %s and objid::bigint = %s & 4294967295
"""


def _check_lock(connection: Connection, warehouse: Warehouse, table: str) -> None:
    """Fail when the session, and the lock with it, was lost while ClickHouse was busy."""
    holder = connection.execute(_LOCK_HOLDER, _lock_key(warehouse, table)).fetchone()
    if holder is None or holder[0] != connection.info.backend_pid:
        raise ExtractionError(f"{table}: the lock of the load was lost; check for a connection pooler, then load again")


def _lock_key(warehouse: Warehouse, table: str) -> tuple[int, int]:
    # The same for every warehouse: refusing two that could run together is better than letting two that may not.
    number = zlib.crc32(f"{warehouse.crm}.{table}".encode())
    return _LOCK_CLASS, number - (1 << 32) if number >= 1 << 31 else number
