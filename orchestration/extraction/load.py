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
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

import psycopg
from clickhouse_connect.driver.exceptions import ClickHouseError

from orchestration.extraction.boundary import Boundary, measure_boundary
from orchestration.extraction.drift import ColumnDrift, compare_columns, fingerprint
from orchestration.extraction.errors import ExtractionError, first_line
from orchestration.extraction.history import keep_history, record_changes, refuse_to_lose_history
from orchestration.extraction.lock import check_table_lock, table_lock
from orchestration.extraction.mapping import Mapping
from orchestration.extraction.plan import TablePlan
from orchestration.extraction.reconciliation_log import create_reconciliation_log
from orchestration.extraction.replica import (
    Warehouse,
    create_databases,
    existing_columns,
    has_values,
    inspect_loading,
    publish_changes,
    publish_whole,
    staging_table,
    stored_columns,
    widen_columns,
)
from orchestration.extraction.select import render_select
from orchestration.extraction.source_catalog import Connection, prepare_session
from orchestration.extraction.source_tables import check_sources, plan_sources, until_undisturbed
from orchestration.extraction.staged_rows import check_staged
from orchestration.extraction.state import ExtractionState, append_state, create_state_table, latest_state
from orchestration.extraction.transport import AskedTransport, Moved, Transport, choose_transport, move_rows
from orchestration.ml.tables import create_ml_tables
from orchestration.quality.rule_log import create_rule_log
from orchestration.restatement_log import create_restatement_log

LoadMode = Literal["full", "incremental", "not mapped", "snapshot"]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What one load of one table did.

    Attributes:
        table: the canonical table.
        mode: `full`, `incremental`, or `not mapped`: the replica exists, with all its columns and without rows; or
            `snapshot`: extraction fills it with the changes that it sees itself (see `history`).
        reason: why the load was full; empty for an incremental one.
        rows: rows read from the CRM, tombstones included.
        rows_changed: rows that were inserted into the replica; a full load inserts all.
        bytes: size of the rows on their way, as far as it led through this process.
        seconds: duration of the whole load.
        boundary: where the next incremental load starts, before its overlap; None when not mapped.
        boundary_method: `transactions`, or `lag` where open transactions could not be seen; None when not mapped.
        boundary_note: what held the boundary back, or why the lag was used.
        not_representable: per column, the values read in this load that ClickHouse cannot hold and that became NULL.
        transport: who moved the rows (see `transport`); None when not mapped.
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
    transport: Transport | None = None


def load_table(
    connection: Connection,
    warehouse: Warehouse,
    mapping: Mapping,
    table: str,
    *,
    run_id: str,
    full: bool = False,
    wait: timedelta = timedelta(),
    transport: AskedTransport = "push",
) -> LoadResult:
    """Bring one replica up to date with the CRM.

    The load is incremental unless `full` is given or something makes it impossible; `LoadResult.reason` tells what.
    Loads of the same table take turns (see `lock`).

    Args:
        connection: to the CRM, in autocommit and of its own for this load.
        warehouse: with a client of its own for this load.
        mapping: from `load_mapping`.
        table: name of a canonical table.
        run_id: of the run, for the log.
        full: read the whole table.
        wait: how long to wait while another load of the same table runs.
        transport: how the rows are moved; the replica is the same.

    Raises:
        ExtractionError: one line; the replica is as it was before.
    """
    if not connection.autocommit:
        raise ValueError("load_table needs a connection in autocommit")
    try:
        prepare_session(connection)
        with table_lock(connection, warehouse, table, wait=wait):
            chosen = choose_transport(transport, connection, warehouse)
            return until_undisturbed(
                lambda: _load(
                    connection, warehouse, mapping, table, chosen, run_id=run_id, full=full, only=transport == "pull"
                )
            )
    except psycopg.Error as error:
        raise ExtractionError(f"{table}: the CRM's PostgreSQL: {first_line(error)}") from error
    except ClickHouseError as error:
        raise ExtractionError(f"{table}: ClickHouse: {first_line(error)}") from error


@dataclass(frozen=True, slots=True)
class _Decision:
    """How to load: `since` is where an incremental load starts to read, `widened` what it alters in the replica."""

    mode: LoadMode
    reason: str = ""
    since: datetime | None = None
    widened: tuple[ColumnDrift, ...] = ()


def _load(
    connection: Connection,
    warehouse: Warehouse,
    mapping: Mapping,
    table: str,
    transport: Transport,
    *,
    run_id: str,
    full: bool,
    only: bool,
) -> LoadResult:
    """Load the table; `only` tells that no other transport may be taken, even if it is faster."""
    started, clock = datetime.now(UTC), time.monotonic()
    create_databases(warehouse)
    create_state_table(warehouse)
    # Empty before their first entries, but dbt builds views of them.
    create_reconciliation_log(warehouse)
    create_restatement_log(warehouse)
    create_rule_log(warehouse)
    create_ml_tables(warehouse)
    catalog, plan, sources = plan_sources(connection, mapping, table)
    present = existing_columns(warehouse, table)
    state = latest_state(warehouse, mapping.name, table)
    if state is not None and state.source_identity != catalog.identity:
        state = None
    boundary = measure_boundary(
        connection,
        fallback_lag=timedelta(seconds=mapping.fallback_lag_seconds),
        previous=state.boundary if state else None,
        late=sources.late,
    )
    definition = fingerprint(mapping, table, catalog)
    fixed = (*plan.table.key, plan.table.partition_column)
    drift = compare_columns(present, stored_columns(plan), fixed=fixed) if present else None
    if plan.source is not None and state is not None and not full:
        _refuse_incompatible(warehouse, plan, mapping, drift or ())
    decision = _decide(plan, mapping, state, definition, drift, asked_full=full)
    with staging_table(warehouse, plan, whole=decision.mode != "incremental"):
        moved = _stage(connection, warehouse, plan, boundary, decision, transport, only=only)
        check_sources(connection, plan, sources)
        staged = inspect_loading(warehouse, plan)
        check_staged(plan, mapping, moved.rows, staged)
        check_table_lock(connection, warehouse, table)
        changed = _publish(warehouse, plan, mapping, decision, moved, replaces=bool(present))
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
            fingerprint=definition,
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
        transport=moved.transport if plan.source is not None else None,
    )
    _logger.info("%s: %s, %d rows in %.1f s", table, result.mode, result.rows, result.seconds)
    return result


def _refuse_incompatible(
    warehouse: Warehouse, plan: TablePlan, mapping: Mapping, drift: tuple[ColumnDrift, ...]
) -> None:
    """Refuse to give a column that readers use a type that does not hold its present values."""
    table = plan.table.name
    for change in drift:
        if change.kind == "incompatible" and has_values(warehouse, table, change.column):
            raise ExtractionError(
                f"{table}.{change.column}: is {change.present} in the replica, but {change.planned} by {mapping.file} "
                f"and the CRM's present types; undo the change there, or accept the new type by a full refresh"
            )


def _decide(
    plan: TablePlan,
    mapping: Mapping,
    state: ExtractionState | None,
    definition: str,
    drift: tuple[ColumnDrift, ...] | None,
    *,
    asked_full: bool,
) -> _Decision:
    """Choose between a full and an incremental load.

    Args:
        plan: of the table.
        mapping: it is made from.
        state: of the last load from this CRM database, if any.
        definition: the present fingerprint.
        drift: of the replica's columns; None where there is no replica.
        asked_full: a person wants a full load.
    """
    if plan.snapshot:
        return _Decision("snapshot", f"changes of {plan.table.snapshot_of} are recorded as loads see them")
    if plan.source is None:
        return _Decision("not mapped", f"{mapping.file} does not map {plan.table.name}")
    if asked_full:
        return _Decision("full", "asked for")
    if drift is None:
        return _Decision("full", "there is no replica")
    if state is None:
        return _Decision("full", "no load from this CRM database is on record")
    reason = _why_full(plan, state, definition, drift)
    if reason:
        return _Decision("full", reason)
    since = state.boundary - timedelta(seconds=mapping.overlap_seconds)
    return _Decision("incremental", since=since, widened=drift)


def _why_full(plan: TablePlan, state: ExtractionState, definition: str, drift: tuple[ColumnDrift, ...]) -> str:
    rebuilding = [change.describe() for change in drift if change.kind != "widened"]
    if rebuilding:
        return "; ".join(rebuilding)
    if state.fingerprint != definition:
        return "the mapping or the types of the source changed"
    if plan.changed_since is None:
        return "the mapping names no changed_at"
    return ""


def _stage(
    connection: Connection,
    warehouse: Warehouse,
    plan: TablePlan,
    boundary: Boundary,
    decision: _Decision,
    transport: Transport,
    *,
    only: bool,
) -> Moved:
    if plan.source is None:
        return Moved(0, 0, transport)
    as_table = decision.since is None and not only
    select = render_select(plan, extracted_at=boundary.moment, since=decision.since, with_values=as_table)
    return move_rows(transport, connection, warehouse, plan, select, boundary.moment, as_table=as_table)


def _publish(
    warehouse: Warehouse, plan: TablePlan, mapping: Mapping, decision: _Decision, moved: Moved, *, replaces: bool
) -> int:
    if plan.snapshot:
        keep_history(warehouse, plan, mapping)
        return 0
    refuse_to_lose_history(warehouse, plan, mapping)
    record_changes(warehouse, plan, mapping)
    if decision.mode == "incremental":
        widen_columns(warehouse, plan, decision.widened)
        return publish_changes(warehouse, plan)
    publish_whole(warehouse, plan, replaces=replaces)
    return moved.rows
