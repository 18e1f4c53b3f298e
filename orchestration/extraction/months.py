"""Reads one creation month of a table again: the unit of a backfill.

Afterwards the replica holds exactly the CRM's rows of that month, whatever it held before, and nothing newer has been
overwritten: only rows that differ are written, with a version above the one they replace. So a month may be read twice,
beside another, or after it became empty. Comparing a whole table belongs in `reconciliation`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from orchestration.extraction.boundary import measure_boundary
from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.expressions import identifier, literal
from orchestration.extraction.held_rows import (
    bury_missing,
    classify_changes,
    equals_staged,
    held_rows,
    in_month_or_staged,
    unstaged_keys,
)
from orchestration.extraction.history import record_changes
from orchestration.extraction.lock import check_table_lock
from orchestration.extraction.mapping import Mapping
from orchestration.extraction.plan import TablePlan
from orchestration.extraction.reconciliation import comparison, loaded_until, plan_of_loaded, read_one_snapshot
from orchestration.extraction.reconciliation_log import Reconciliation, append_reconciliation
from orchestration.extraction.replica import Warehouse, inspect_loading, publish_changes, staging_table
from orchestration.extraction.select import render_select
from orchestration.extraction.source_catalog import Connection
from orchestration.extraction.source_tables import check_sources
from orchestration.extraction.staged_rows import check_staged
from orchestration.extraction.transport import stream_rows

_KEYS_PER_READ = 10_000

_logger = logging.getLogger(__name__)


def load_month(
    connection: Connection,
    warehouse: Warehouse,
    mapping: Mapping,
    table: str,
    *,
    month: date,
    run_id: str,
    wait: timedelta = timedelta(),
) -> Reconciliation | None:
    """Read the rows of one creation month (UTC) again, and log what differed.

    Args:
        connection: to the CRM, in autocommit and of its own.
        warehouse: with a client of its own.
        mapping: from `load_mapping`.
        table: name of a canonical table with a creation date, which has been loaded.
        month: any day of the month.
        run_id: of the run, for the log.
        wait: how long to wait while another load of the same table runs.

    Returns:
        What was found and done; None for a table that is not filled from a table of the CRM.

    Raises:
        ExtractionError: one line; rows that were written before it are right, and reading the month again goes on.
    """
    first = month.replace(day=1)
    with comparison(connection, warehouse, table, wait=wait):
        plan, sources = plan_of_loaded(connection, warehouse, mapping, table)
        if plan.source is None:
            return None
        if plan.table.partition_column is None:
            raise ExtractionError(f"{table}: has no creation month; load the whole table instead")
        started = datetime.now(UTC)
        boundary = measure_boundary(
            connection, fallback_lag=timedelta(seconds=mapping.fallback_lag_seconds), previous=None
        ).moment
        with staging_table(warehouse, plan, whole=False), connection.transaction():
            read_one_snapshot(connection)
            rows = _stage_month(connection, warehouse, mapping, plan, first, boundary)
            with held_rows(warehouse, plan, versions=in_month_or_staged(warehouse, plan, first)) as held:
                _stage_moved(connection, warehouse, plan, unstaged_keys(warehouse, plan, held), boundary)
                check_sources(connection, plan, sources)
                check_table_lock(connection, warehouse, table)
                changes = classify_changes(warehouse, plan, held, loaded_until(warehouse, mapping, table))
                record_changes(warehouse, plan, mapping)
                publish_changes(warehouse, plan, held=held)
                tombstones = bury_missing(warehouse, plan, held, extracted_at=boundary)
                clean = equals_staged(warehouse, plan, held)
        result = Reconciliation(
            source=mapping.name,
            table=table,
            scope=f"{first:%Y-%m}",
            rows=rows,
            buckets=1,
            buckets_differing=int(bool(changes.total or tombstones)),
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


def _stage_month(
    connection: Connection, warehouse: Warehouse, mapping: Mapping, plan: TablePlan, first: date, boundary: datetime
) -> int:
    start = datetime(first.year, first.month, 1, tzinfo=UTC)
    end = datetime(first.year + first.month // 12, first.month % 12 + 1, 1, tzinfo=UTC)
    select = render_select(plan, extracted_at=boundary, created=(start, end))
    rows = _stage(connection, warehouse, plan, select)
    check_staged(plan, mapping, rows, inspect_loading(warehouse, plan))
    return rows


def _stage_moved(
    connection: Connection,
    warehouse: Warehouse,
    plan: TablePlan,
    keys: Sequence[tuple[str, ...]],
    boundary: datetime,
) -> None:
    """Stage the rows that the replica has in the month and the CRM has elsewhere: their creation date was changed."""
    select = render_select(plan, extracted_at=boundary)
    names = ", ".join(f"x.{identifier(name)}::text" for name in plan.table.key)
    for start in range(0, len(keys), _KEYS_PER_READ):
        listed = ", ".join(
            f"({', '.join(literal(value) for value in key)})" for key in keys[start : start + _KEYS_PER_READ]
        )
        _stage(connection, warehouse, plan, f"select * from ({select}) as x where ({names}) in (values {listed})")


def _stage(connection: Connection, warehouse: Warehouse, plan: TablePlan, select: str) -> int:
    return stream_rows(connection, warehouse, plan, select).rows
