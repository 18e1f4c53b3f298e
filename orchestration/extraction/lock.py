"""The lock of one table's replica, or of the models: whoever writes them holds it, so that writers take turns.

It is an advisory lock of the CRM's PostgreSQL session, so it ends with its worker however that dies; behind a
connection pooler, sessions must not be shared between transactions.
"""

from __future__ import annotations

import logging
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import psycopg

from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.replica import Warehouse
from orchestration.extraction.source_catalog import Connection

# First half of the lock's key; the second is the table. Any constant that no other program uses will do.
_LOCK_CLASS = 0x63726D61
_SECONDS_BETWEEN_ATTEMPTS = 0.2

_logger = logging.getLogger(__name__)

_LOCK_HOLDER = """
select pid from pg_locks
where locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database())
    and classid::bigint = %s and objid::bigint = %s & 4294967295
"""


@contextmanager
def table_lock(connection: Connection, warehouse: Warehouse, table: str, *, wait: timedelta) -> Iterator[None]:
    """Hold the lock of a table's replica: two writers at once could leave older rows under a newer boundary.

    Args:
        connection: to the CRM, in autocommit. It asks again and again instead of blocking inside PostgreSQL: a
            session that waits there counts as an open transaction and would hold every boundary back.
        warehouse: of the replica.
        table: the canonical table, or another name for something of the warehouse that has one writer at a time.
        wait: how long to wait for another holder.

    Raises:
        ExtractionError: another session still holds it.
    """
    key = _lock_key(warehouse, table)
    deadline = time.monotonic() + wait.total_seconds()
    told = False
    while connection.execute("select pg_try_advisory_lock(%s, %s)", key).fetchone() != (True,):
        if time.monotonic() >= deadline:
            holder = connection.execute(_LOCK_HOLDER, key).fetchone()
            who = f" in PostgreSQL session {holder[0]}" if holder else ""
            raise ExtractionError(f"{table}: another run is writing it{who}; wait for it or stop it")
        if not told:
            _logger.info("%s: waiting for another run that writes it", table)
            told = True
        time.sleep(_SECONDS_BETWEEN_ATTEMPTS)
    try:
        yield
    finally:
        # Where the session is gone, so is its lock.
        with suppress(psycopg.Error):
            connection.execute("select pg_advisory_unlock(%s, %s)", key)


def check_table_lock(connection: Connection, warehouse: Warehouse, table: str) -> None:
    """Fail when the session, and the lock with it, was lost while ClickHouse was busy."""
    holder = connection.execute(_LOCK_HOLDER, _lock_key(warehouse, table)).fetchone()
    if holder is None or holder[0] != connection.info.backend_pid:
        raise ExtractionError(f"{table}: the lock of the load was lost; check for a connection pooler, then load again")


def _lock_key(warehouse: Warehouse, table: str) -> tuple[int, int]:
    # The same for every warehouse: refusing two that could run together is better than letting two that may not.
    number = zlib.crc32(f"{warehouse.crm}.{table}".encode())
    return _LOCK_CLASS, number - (1 << 32) if number >= 1 << 31 else number
