"""Moves rows: streams PostgreSQL's COPY text into one ClickHouse insert, holding about a megabyte at a time.

Transports differ only in who carries the bytes; what is read is the one SELECT of `select`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass

from orchestration.extraction.replica import INSERT_SETTINGS, Warehouse
from orchestration.extraction.source_catalog import Connection

CHUNK_BYTES = 1 << 20
PROGRESS_SECONDS = 10.0

# Said in full, so that no server profile can loosen the parsing.
_PARSE_SETTINGS = {
    "date_time_input_format": "basic",
    "input_format_allow_errors_num": 0,
    "input_format_allow_errors_ratio": 0,
    "input_format_tsv_crlf_end_of_line": 0,
    "input_format_tsv_empty_as_default": 0,
}
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Moved:
    """What a transport has moved: rows, and bytes of text."""

    rows: int
    bytes: int


def stream_rows(
    connection: Connection, select: str, warehouse: Warehouse, target: str, columns: tuple[str, ...]
) -> Moved:
    """Insert the rows of a SELECT into a ClickHouse table.

    Args:
        connection: to the CRM, after `prepare_session`.
        select: a SELECT whose columns are all text.
        warehouse: where the table is.
        target: quoted name of the table.
        columns: its columns, in the order of the SELECT.

    Raises:
        psycopg.Error: the CRM failed; ClickHouse may have kept part of the rows.
        ClickHouseError: ClickHouse failed, likewise.
    """
    with connection.cursor() as cursor:
        counter = _Counter(target)
        with cursor.copy(f"copy ({select}) to stdout (format text, encoding 'UTF8')") as copy:
            warehouse.client.raw_insert(
                target,
                column_names=columns,
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
