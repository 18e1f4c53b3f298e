"""Moves the rows of a SELECT into the staging table: either through this process, or by ClickHouse reading PostgreSQL.

Push streams PostgreSQL's COPY text into one ClickHouse insert, holding about a megabyte at a time; it works wherever
this process works, and within the connection's transaction. Pull (see `pull`) costs less. Both land the same rows.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.plan import TablePlan
from orchestration.extraction.pull import pull_rows, why_not
from orchestration.extraction.replica import INSERT_SETTINGS, Warehouse
from orchestration.extraction.source_catalog import Connection
from orchestration.extraction.wire import text_query

CHUNK_BYTES = 1 << 20
PROGRESS_SECONDS = 10.0

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
_logger = logging.getLogger(__name__)
_reasons_to_push: dict[tuple[str, ...], str] = {}


@dataclass(frozen=True, slots=True)
class Moved:
    """What a transport has moved: rows, and the bytes of text that went through this process."""

    rows: int
    bytes: int


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


def move_rows(
    transport: Transport,
    connection: Connection,
    warehouse: Warehouse,
    plan: TablePlan,
    select: str,
    extracted_at: datetime,
) -> Moved:
    """Insert the rows of a SELECT into the staging table of a load.

    Args:
        transport: from `choose_transport`.
        connection: to the CRM, after `prepare_session`.
        warehouse: where the staging table is.
        plan: of the table.
        select: over it, from `render_select`.
        extracted_at: the boundary that it was made with.

    Raises:
        psycopg.Error: the CRM failed; ClickHouse may have kept part of the rows.
        ClickHouseError: ClickHouse failed, likewise.
    """
    if transport == "pull":
        return Moved(rows=pull_rows(connection, warehouse, plan, select, extracted_at), bytes=0)
    return stream_rows(connection, warehouse, plan, select)


def stream_rows(connection: Connection, warehouse: Warehouse, plan: TablePlan, select: str) -> Moved:
    """Push the rows of a SELECT; within a transaction they come from its snapshot. See `move_rows`."""
    text, target = text_query(plan, select), warehouse.loading(plan.table.name)
    with connection.transaction(), connection.cursor() as cursor:
        # A query of one's own may call functions; none of them may write.
        cursor.execute("set transaction read only")
        counter = _Counter(target)
        with cursor.copy(f"copy ({text.query}) to stdout (format text, encoding 'UTF8')") as copy:
            warehouse.client.raw_insert(
                target,
                column_names=text.columns,
                insert_block=counter.chunks(copy),
                settings={**INSERT_SETTINGS, **_PARSE_SETTINGS},
                fmt="TabSeparated",
            )
        return Moved(rows=cursor.rowcount, bytes=counter.bytes)


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

    def _counted(self, chunk: bytes) -> bytes:
        self.bytes += len(chunk)
        if time.monotonic() - self._reported > PROGRESS_SECONDS:
            self._reported = time.monotonic()
            _logger.info("%s: %.0f MB moved", self._target, self.bytes / 1e6)
        return chunk
