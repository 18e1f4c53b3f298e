"""Dagster's event log on a laptop: its own SQLite storage, with connections that stay open.

Dagster opens a database anew for each event and closes it again, and with the last connection SQLite writes the whole
log back and waits for the disk. A night has some two thousand events, one or more per model and check, so that was a
quarter of a small night. What is stored, where, and how it is read stays Dagster's. A cluster names a storage of its
own in `dagster.yaml` (docs/operations.md).
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from dagster import EventLogEntry, StringSource
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, StaticPool, create_engine
from sqlalchemy import event as sqlalchemy_event

# The index, the runs under way, and those that somebody looks at; each takes three open files.
_MOST_OPEN_DATABASES = 16


class SqliteEventLog(SqliteEventLogStorage):
    """Dagster's SQLite event log; a database that was opened stays so until others push it out."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        super().__init__(base_dir, inst_data)

    @classmethod
    def config_type(cls) -> Any:
        """Return what `dagster.yaml` says of it: the folder of the instance."""
        return {"dagster_home": StringSource}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Open the log where Dagster itself would keep it."""
        return cls(str(Path(config_value["dagster_home"]) / "history" / "runs"), inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        # One connection per database is safe, as this lock lets one thread at a time through.
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> Engine:
        engine = self._engines.pop(shard, None) or _open(self.conn_string_for_shard(shard))
        self._engines[shard] = engine
        if len(self._engines) > _MOST_OPEN_DATABASES:
            _, oldest = self._engines.popitem(last=False)
            oldest.dispose()
        return engine

    def store_event(self, event: EventLogEntry) -> None:
        """Store the event, and tell those who watch the run in the UI."""
        super().store_event(event)
        # They watch the file of the database, which SQLite leaves alone while it writes into the log beside it.
        with suppress(FileNotFoundError):
            os.utime(self.path_for_shard(event.run_id))

    def wipe(self) -> None:
        """Delete all events, whose files nobody may hold then."""
        with self._db_lock:
            self._close()
        super().wipe()

    def dispose(self) -> None:
        """Close what is open."""
        super().dispose()
        with self._db_lock:
            self._close()

    def _close(self) -> None:
        while self._engines:
            self._engines.popitem()[1].dispose()


def _open(address: str) -> Engine:
    options = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False}
    engine = create_engine(address, poolclass=StaticPool, connect_args=options)
    # The write-ahead log is safe with it: a power cut may lose the last events, never the file.
    sqlalchemy_event.listen(engine, "connect", lambda connection, _: connection.execute("pragma synchronous = normal"))
    return engine
