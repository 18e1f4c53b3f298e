"""Moves the rows of a SELECT into the staging table: either through this process, or by ClickHouse reading PostgreSQL.

Push streams PostgreSQL's COPY into one ClickHouse insert, holding a few megabytes at a time; it works wherever this
process works, and within the connection's transaction. The whole of a large table goes as COPY binary (`copy_push`),
which costs least; the rest as text. Of a small load `pull` costs least. All of them land the same rows.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import psycopg

from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.plan import TablePlan
from orchestration.extraction.pull import pull_rows, unlimited_patience, why_not
from orchestration.extraction.replica import INSERT_SETTINGS, Warehouse
from orchestration.extraction.source_catalog import Connection
from orchestration.extraction.wire import Judge, text_query

CHUNK_BYTES = 1 << 20
PROGRESS_SECONDS = 10.0
LARGE_ROWS = 200_000
"""From here on, COPY binary saves more time than its compiler takes to start."""

Transport = Literal["push", "pull"]
AskedTransport = Literal["auto", "push", "pull"]

# Said in full, so that no server profile can loosen the parsing.
_PARSE_SETTINGS = {
    "date_time_input_format": "basic",
    "input_format_allow_errors_num": 0,
    "input_format_allow_errors_ratio": 0,
    "input_format_null_as_default": 1,
    "input_format_tsv_crlf_end_of_line": 0,
    "input_format_tsv_empty_as_default": 0,
    "optimize_on_insert": 0,
}
# Blocks are joined before they are written, but not into ones so large that their memory is never used twice.
_NATIVE_SETTINGS: dict[str, Any] = {
    **INSERT_SETTINGS,
    "optimize_on_insert": 0,
    "min_insert_block_size_rows": 0,
    "min_insert_block_size_bytes": 64 << 20,
}
_logger = logging.getLogger(__name__)
_reasons_to_push: dict[tuple[str, ...], str] = {}


@dataclass(frozen=True, slots=True)
class Moved:
    """What has been moved: rows, the bytes that went through this process, and by which transport."""

    rows: int
    bytes: int
    transport: Transport


def choose_transport(asked: AskedTransport, connection: Connection, warehouse: Warehouse) -> Transport:
    """Return how to move rows; whether ClickHouse can read this CRM is found out once per process.

    Raises:
        ExtractionError: pull is asked for and impossible.
        psycopg.Error: the CRM failed.
    """
    if asked == "push":
        return "push"
    info, server = connection.info, str(getattr(warehouse.client, "url", ""))
    place = (info.host, str(info.port), info.dbname, info.user, server)
    if place not in _reasons_to_push:
        _reasons_to_push[place] = found = why_not(connection, warehouse)
        way = f"through this process: {found}" if found else "from PostgreSQL to ClickHouse directly"
        _logger.info("rows go %s", way)
    reason = _reasons_to_push[place]
    if reason and asked == "pull":
        raise ExtractionError(f"EXTRACTION_TRANSPORT=pull is impossible: {reason}; use auto or push")
    return "push" if reason else "pull"


def _is_large(connection: Connection, select: str) -> bool:
    """Tell whether PostgreSQL expects so many rows of a SELECT that COPY binary moves them fastest."""
    # Its rows are read by psycopg's libpq, which must be a compiled one, and hashed as on a little-endian server.
    if psycopg.pq.__impl__ == "python" or sys.byteorder != "little":
        return False
    explained = connection.execute(f"explain (format json) {select}".encode()).fetchall()
    return int(explained[0][0][0]["Plan"]["Plan Rows"]) >= LARGE_ROWS


def move_rows(
    transport: Transport,
    connection: Connection,
    warehouse: Warehouse,
    plan: TablePlan,
    select: str,
    extracted_at: datetime,
    *,
    as_table: bool = False,
) -> Moved:
    """Insert the rows of a SELECT into the staging table of a load.

    Args:
        transport: from `choose_transport`.
        connection: to the CRM, after `prepare_session`.
        warehouse: where the staging table is.
        plan: of the table.
        select: over it, from `render_select`.
        extracted_at: the boundary that it was made with.
        as_table: it reads the whole table, and may be pushed as COPY binary if that is large, whatever `transport` is.

    Raises:
        psycopg.Error: the CRM failed; ClickHouse may have kept part of the rows.
        ClickHouseError: ClickHouse failed, likewise.
    """
    if as_table and _is_large(connection, select):
        return stream_table(connection, warehouse, plan, select, extracted_at)
    if transport == "pull":
        return Moved(pull_rows(connection, warehouse, plan, select, extracted_at), 0, "pull")
    return stream_rows(connection, warehouse, plan, select)


def stream_rows(connection: Connection, warehouse: Warehouse, plan: TablePlan, select: str) -> Moved:
    """Push the rows of a SELECT; within a transaction they come from its snapshot. See `move_rows`."""
    text, target = text_query(plan, select), warehouse.loading(plan.table.name)
    with connection.transaction(), connection.cursor() as cursor:
        # A query of one's own may call functions; none of them may write.
        cursor.execute("set transaction read only")
        counter = _Counter(target)
        with (
            unlimited_patience(warehouse.client),
            cursor.copy(f"copy ({text.query}) to stdout (format text, encoding 'UTF8')") as copy,
        ):
            warehouse.client.raw_insert(
                target,
                column_names=text.columns,
                insert_block=counter.chunks(copy),
                settings={**INSERT_SETTINGS, **_PARSE_SETTINGS},
                fmt="TabSeparated",
            )
        return Moved(cursor.rowcount, counter.bytes, "push")


def stream_table(
    connection: Connection, warehouse: Warehouse, plan: TablePlan, select: str, extracted_at: datetime
) -> Moved:
    """Push the rows of a SELECT of the whole table as COPY binary. See `move_rows`."""
    # Imports a compiler, which quiet runs must not pay for.
    from orchestration.extraction.copy_push import RowBarred, push_rows

    target = warehouse.loading(plan.table.name)

    def push(judge: Judge) -> Moved:
        counter = _Counter(target)

        def send(blocks: Iterator[bytes]) -> None:
            warehouse.client.raw_insert(
                target, insert_block=counter.counted(blocks), settings=_NATIVE_SETTINGS, fmt="Native"
            )

        with connection.transaction():
            connection.execute("set transaction read only")
            with unlimited_patience(warehouse.client):
                rows = push_rows(connection, plan, select, extracted_at, send, judge=judge)
        return Moved(rows, counter.bytes, "push")

    try:
        return push("receiver")
    except RowBarred:
        # The load will fail, unless the row has been mended meanwhile, and PostgreSQL says why.
        warehouse.run(f"truncate table {target}")
        return push("postgres")


class _Counter:
    """Joins COPY's rows into chunks, counts their bytes and reports progress."""

    def __init__(self, target: str) -> None:
        self.bytes = 0
        self._target = target
        self._reported = time.monotonic()

    def chunks(self, rows: Iterable[bytes | bytearray | memoryview]) -> Generator[bytes, None, None]:
        """Yield the rows' text in chunks of about a megabyte."""
        buffer = bytearray()
        for row in rows:
            buffer += row
            if len(buffer) >= CHUNK_BYTES:
                yield self._counted(bytes(buffer))
                buffer.clear()
        if buffer:
            yield self._counted(bytes(buffer))

    def counted(self, blocks: Iterable[bytes]) -> Generator[bytes, None, None]:
        """Yield the blocks as they are."""
        for block in blocks:
            yield self._counted(block)

    def _counted(self, chunk: bytes) -> bytes:
        self.bytes += len(chunk)
        if time.monotonic() - self._reported > PROGRESS_SECONDS:
            self._reported = time.monotonic()
            _logger.info("%s: %.0f MB moved", self._target, self.bytes / 1e6)
        return chunk
