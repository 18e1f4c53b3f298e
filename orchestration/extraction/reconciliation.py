"""Proves a replica equal to the CRM, and makes it so: what no watermark can find is found by comparing.

Rows are dealt into buckets by the last bits of their hash. Count and XOR of the hashes of each bucket are taken in
PostgreSQL and in ClickHouse; buckets that differ are read again within the same snapshot, and what they held that the
CRM does not is buried under tombstones. Then the replica's sums must be those of the snapshot. A row that changed lies
in a differing bucket on both sides, so no bucket has to be known by key.

This finds writers that do not touch `updated_at`, hard deletes, rows changed by hand in the replica, and a restored
backup. Re-reading one month belongs in `months`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
from clickhouse_connect.driver.exceptions import ClickHouseError

from orchestration.extraction.boundary import measure_boundary
from orchestration.extraction.errors import ExtractionError, first_line
from orchestration.extraction.held_rows import (
    Changes,
    bucket_sums,
    bury_missing,
    classify_changes,
    equals_staged,
    held_rows,
    in_buckets,
)
from orchestration.extraction.history import record_changes
from orchestration.extraction.lock import check_table_lock, table_lock
from orchestration.extraction.mapping import Mapping
from orchestration.extraction.plan import TablePlan
from orchestration.extraction.reconciliation_log import (
    Reconciliation,
    append_reconciliation,
    create_reconciliation_log,
)
from orchestration.extraction.replica import (
    Warehouse,
    create_databases,
    existing_columns,
    inspect_loading,
    publish_changes,
    staging_table,
    stored_columns,
)
from orchestration.extraction.select import PARALLEL_FENCE, render_select
from orchestration.extraction.source_catalog import Connection, prepare_session
from orchestration.extraction.source_tables import SourceTables, check_sources, plan_sources
from orchestration.extraction.staged_rows import check_staged
from orchestration.extraction.state import latest_state
from orchestration.extraction.transport import stream_rows

BUCKETS = 4096
_MASK = BUCKETS - 1
_WHOLE_TABLE = "table"

_logger = logging.getLogger(__name__)


def reconcile_table(
    connection: Connection,
    warehouse: Warehouse,
    mapping: Mapping,
    table: str,
    *,
    run_id: str,
    wait: timedelta = timedelta(),
) -> Reconciliation | None:
    """Compare one replica with the CRM, repair what differs, and log the result.

    The comparison is with one snapshot of the CRM, in which the repair reads too: rows that the CRM changes meanwhile
    neither disturb it nor count as differences.

    Args:
        connection: to the CRM, in autocommit and of its own.
        warehouse: with a client of its own.
        mapping: from `load_mapping`.
        table: name of a canonical table that has been loaded.
        run_id: of the run, for the log.
        wait: how long to wait while a load of the same table runs.

    Returns:
        What was found and done; None for a table that is not filled from a table of the CRM.

    Raises:
        ExtractionError: one line. What was repaired before stays; the next reconciliation goes on from there.
    """
    with comparison(connection, warehouse, table, wait=wait):
        plan, sources = plan_of_loaded(connection, warehouse, mapping, table)
        if plan.source is None:
            return None
        started = datetime.now(UTC)
        boundary = measure_boundary(
            connection, fallback_lag=timedelta(seconds=mapping.fallback_lag_seconds), previous=None
        ).moment
        with connection.transaction():
            read_one_snapshot(connection)
            expected, held = _sums(connection, warehouse, plan, boundary)
            # From here on this transaction has the tables' locks.
            check_sources(connection, plan, sources)
            differing = sorted(
                bucket for bucket in expected.keys() | held.keys() if expected.get(bucket) != held.get(bucket)
            )
            changes, tombstones, clean = Changes(), 0, True
            if differing:
                _logger.info("%s: %d of %d buckets differ, reading them again", table, len(differing), BUCKETS)
                changes, tombstones, clean = _repair(connection, warehouse, mapping, plan, differing, boundary)
        result = Reconciliation(
            source=mapping.name,
            table=table,
            scope=_WHOLE_TABLE,
            rows=sum(count for count, _ in expected.values()),
            buckets=BUCKETS,
            buckets_differing=len(differing),
            changes=changes,
            tombstones=tombstones,
            clean=clean,
            started_at=started,
            finished_at=datetime.now(UTC),
            run_id=run_id,
        )
        append_reconciliation(warehouse, result)
    _logger.info("%s: %s in %.1f s", table, result.describe(), result.seconds)
    return result


@contextmanager
def comparison(connection: Connection, warehouse: Warehouse, table: str, *, wait: timedelta) -> Iterator[None]:
    """Hold the table's lock with a prepared session and a log, and turn the engines' errors into one line.

    Raises:
        ExtractionError: see `reconcile_table`.
    """
    if not connection.autocommit:
        raise ValueError("a comparison needs a connection in autocommit")
    try:
        prepare_session(connection)
        with table_lock(connection, warehouse, table, wait=wait):
            create_databases(warehouse)
            create_reconciliation_log(warehouse)
            yield
    except psycopg.Error as error:
        raise ExtractionError(f"{table}: the CRM's PostgreSQL: {first_line(error)}") from error
    except ClickHouseError as error:
        raise ExtractionError(f"{table}: ClickHouse: {first_line(error)}") from error


def plan_of_loaded(
    connection: Connection, warehouse: Warehouse, mapping: Mapping, table: str
) -> tuple[TablePlan, SourceTables]:
    """Return the plan of a table whose replica has the columns of that plan, and what it reads.

    Raises:
        ExtractionError: there is no such replica; a load has to come first.
    """
    _, plan, sources = plan_sources(connection, mapping, table)
    present = existing_columns(warehouse, table)
    if not present:
        raise ExtractionError(f"{table}: there is no replica to compare; load the table first")
    if present != stored_columns(plan):
        raise ExtractionError(f"{table}: the replica's columns are not those of {mapping.file}; load the table first")
    return plan, sources


def read_one_snapshot(connection: Connection) -> None:
    """Let everything that this transaction reads from now on come from one snapshot."""
    connection.execute("set transaction isolation level repeatable read read only")


def loaded_until(warehouse: Warehouse, mapping: Mapping, table: str) -> datetime:
    """Return the moment up to which every stamped change should be in the replica; 1970 where no load is on record."""
    state = latest_state(warehouse, mapping.name, table)
    return state.boundary if state else datetime(1970, 1, 1, tzinfo=UTC)


_Sums = dict[int, tuple[int, int]]


def _sums(connection: Connection, warehouse: Warehouse, plan: TablePlan, boundary: datetime) -> tuple[_Sums, _Sums]:
    """Return count and XOR of each bucket in the CRM and in the replica, computed side by side."""
    with ThreadPoolExecutor(max_workers=1) as beside:
        held = beside.submit(bucket_sums, warehouse, plan, _MASK)
        # Without the fence PostgreSQL would make each hash twice.
        rows = connection.execute(
            f"select x._row_hash & {_MASK}, count(*), bit_xor(x._row_hash) "
            f"from ({render_select(plan, extracted_at=boundary, parallel=True)} {PARALLEL_FENCE}) as x group by 1"
        ).fetchall()
        return {bucket: (count, checksum) for bucket, count, checksum in rows}, held.result()


def _repair(
    connection: Connection,
    warehouse: Warehouse,
    mapping: Mapping,
    plan: TablePlan,
    differing: list[int],
    boundary: datetime,
) -> tuple[Changes, int, bool]:
    """Read the differing buckets again; return what was written, the number of tombstones, and whether all is equal."""
    select = render_select(plan, extracted_at=boundary, parallel=True)
    if len(differing) < BUCKETS:
        listed = ", ".join(map(str, differing))
        select = f"select * from ({select}) as x where (x._row_hash::bigint & {_MASK}) in ({listed})"
    with staging_table(warehouse, plan, whole=False):
        moved = stream_rows(connection, warehouse, plan, select)
        check_staged(plan, mapping, moved.rows, inspect_loading(warehouse, plan))
        check_table_lock(connection, warehouse, plan.table.name)
        with held_rows(warehouse, plan, newest=in_buckets(_MASK, differing)) as held:
            changes = classify_changes(warehouse, plan, held, loaded_until(warehouse, mapping, plan.table.name))
            record_changes(warehouse, plan, mapping)
            publish_changes(warehouse, plan, held=held)
            tombstones = bury_missing(warehouse, plan, held, extracted_at=boundary)
            return changes, tombstones, equals_staged(warehouse, plan, held)
