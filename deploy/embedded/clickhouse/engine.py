"""chDB behind a query interface: a connection per request or session, settings, streaming in both directions, cancelling.

HTTP belongs in `server`. A connection costs 0.2 ms and isolates settings and temporary tables completely, so requests
without a session get a fresh one instead of a pool that would have to be cleaned.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from chdb.state.sqlitelike import Connection

from deploy.embedded.clickhouse.configuration import ServerOptions, write_configuration
from deploy.embedded.clickhouse.errors import ClickHouseError, from_engine
from deploy.embedded.clickhouse.statement import InsertStatement

# Formats whose blocks may be joined: chDB repeats headers and footers in every chunk of the others.
_STREAMABLE = {
    "native", "tabseparated", "tsv", "tabseparatedraw", "tsvraw", "csv", "jsoneachrow", "jsonlines", "ndjson",
    "jsoncompacteachrow", "rowbinary", "values",
}  # fmt: skip
_NOT_STREAMABLE = "Streaming query is not supported"
_IDENTIFIER = re.compile(r"^\w+$")
_LONGEST_SESSION_SECONDS = 3600.0


@dataclass(slots=True)
class Summary:
    """What X-ClickHouse-Summary reports."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Query:
    """One statement with everything that goes with it."""

    text: str
    format: str
    query_id: str
    database: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    read_only: bool = False
    in_session: bool = False


@dataclass(frozen=True, slots=True)
class ExternalTable:
    """Rows that the client sent along, visible to this query as a temporary table."""

    name: str
    structure: str
    format: str
    data: bytes


@dataclass(slots=True)
class _Session:
    connection: Connection
    lock: threading.Lock
    timeout: float
    expires_at: float


class Engine:
    """The one chDB engine of this process."""

    def __init__(self, options: ServerOptions) -> None:
        """Open the data folder; the caller holds its lock."""
        configuration = write_configuration(options)
        self._address = f"{options.data / 'store'}?config-file={configuration}"
        # The engine lives as long as one connection does.
        self._root = Connection(self._address)
        self._sessions: dict[str, _Session] = {}
        self._sessions_lock = threading.Lock()
        self.version = self._scalar("select version()")

    def close(self) -> None:
        """Close sessions and the engine; everything that was acknowledged is on disk afterwards."""
        with self._sessions_lock:
            sessions, self._sessions = list(self._sessions.values()), {}
        for session in sessions:
            session.connection.close()
        self._root.query("system flush logs", "Null")
        self._root.close()

    @contextmanager
    def connection(self, session_id: str, *, timeout: float, must_exist: bool) -> Iterator[Connection]:
        """Lend the connection of a session, or a fresh one without a session id.

        Raises:
            ClickHouseError: the session is busy (373), or must exist and does not (372).
        """
        if not session_id:
            connection = Connection(self._address)
            try:
                yield connection
            finally:
                connection.close()
            return
        session = self._session(session_id, timeout, must_exist)
        if not session.lock.acquire(blocking=False):
            raise ClickHouseError.named(
                373, "SESSION_IS_LOCKED", f"Session {session_id} is locked by a concurrent client"
            )
        try:
            yield session.connection
        finally:
            session.expires_at = time.monotonic() + session.timeout
            session.lock.release()

    def expire_sessions(self) -> None:
        """Close the sessions that nobody used for as long as they asked for."""
        now = time.monotonic()
        with self._sessions_lock:
            idle = [
                name
                for name, session in self._sessions.items()
                if session.expires_at < now and not session.lock.locked()
            ]
            expired = [self._sessions.pop(name) for name in idle]
        for session in expired:
            session.connection.close()

    def cancel(self, query_id: str) -> None:
        """Stop the query that a client called `query_id`, if it still runs."""
        self._root.query(
            "kill query where Settings['log_comment'] = {id:String} async", "Null", params={"id": _escaped(query_id)}
        )

    def cancel_all(self) -> None:
        """Stop every running query."""
        self._root.query("kill query where Settings['log_comment'] != '' async", "Null")

    def select(self, connection: Connection, query: Query, summary: Summary) -> Iterator[bytes]:
        """Run any statement without data and yield its result; memory stays bounded for streamable formats."""
        with _settings(connection, query), _translated_errors():
            if query.format.lower() in _STREAMABLE:
                try:
                    stream = connection.send_query(query.text, query.format, params=dict(query.parameters))
                except Exception as error:
                    if _NOT_STREAMABLE not in str(error):
                        raise
                else:
                    with stream:
                        for chunk in stream:
                            summary.read_rows += chunk.rows_read()
                            yield chunk.bytes()
                    return
            result = connection.query(query.text, query.format, params=dict(query.parameters))
            summary.read_rows = result.storage_rows_read()
            summary.read_bytes = result.storage_bytes_read()
            summary.written_rows = result.rows_written()
            summary.written_bytes = result.bytes_written()
            yield result.bytes()

    def insert(
        self, connection: Connection, query: Query, statement: InsertStatement, data: Iterable[bytes], summary: Summary
    ) -> None:
        """Push `data` into an INSERT as it arrives.

        A failure of `data` or of the engine cancels the insert: rows that do not fill a block are not written.
        """
        with _settings(connection, query), _translated_errors():
            with connection.send_insert(statement.head, statement.format) as inserter:
                for chunk in data:
                    inserter.append(chunk)
                result = inserter.finish()
            summary.written_rows = result.rows_written
            summary.written_bytes = result.bytes_written

    def load_external(self, connection: Connection, table: ExternalTable) -> None:
        """Make the rows of an external table visible to the connection's queries."""
        if not _IDENTIFIER.match(table.name):
            raise ClickHouseError.named(36, "BAD_ARGUMENTS", f"External table name '{table.name}' is not an identifier")
        with _translated_errors():
            connection.query(f"create temporary table `{table.name}` ({table.structure})", "Null")
            with connection.send_insert(f"insert into `{table.name}`", table.format) as inserter:
                inserter.append(table.data)
                inserter.finish()

    def _session(self, session_id: str, timeout: float, must_exist: bool) -> _Session:
        with self._sessions_lock:
            session = self._sessions.get(session_id)
            if session is None:
                if must_exist:
                    raise ClickHouseError.named(372, "SESSION_NOT_FOUND", f"Session {session_id} not found")
                bounded = min(timeout, _LONGEST_SESSION_SECONDS)
                session = _Session(Connection(self._address), threading.Lock(), bounded, time.monotonic() + bounded)
                self._sessions[session_id] = session
            return session

    def _scalar(self, text: str) -> str:
        return bytes(self._root.query(text, "TabSeparated").bytes()).decode().strip()


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except (ClickHouseError, GeneratorExit, OSError):
        raise
    except Exception as error:
        raise from_engine(error) from None


@contextmanager
def _settings(connection: Connection, query: Query) -> Iterator[None]:
    """Apply a request's database and settings for its duration; a session keeps only what its own statements set."""
    with _translated_errors():
        restore = _remember_values(connection, query)
        if query.database:
            connection.query(f"use {_quoted(query.database)}", "Null")
        for name, value in query.settings.items():
            _set(connection, name, value)
        # chDB assigns query ids of its own and knows no custom settings; a comment of the client's own goes first.
        if "log_comment" not in query.settings:
            _set(connection, "log_comment", query.query_id)
        if query.read_only:
            _set(connection, "readonly", "2")
    try:
        yield
    finally:
        _restore(connection, restore)


def _remember_values(connection: Connection, query: Query) -> Callable[[], None]:
    names = [name for name in query.settings if _IDENTIFIER.match(name)]
    if not (names and query.in_session):
        return lambda: None
    listed = ", ".join(f"'{name}'" for name in names)
    rows = bytes(
        connection.query(
            f"select name, value, changed from system.settings where name in ({listed})", "TabSeparatedRaw"
        ).bytes()
    ).decode()
    values = [line.split("\t") for line in rows.splitlines()]

    def restore() -> None:
        for name, value, changed in values:
            if changed == "1":
                _set(connection, name, value)
            else:
                connection.query(f"set {name} = default", "Null")

    return restore


def _restore(connection: Connection, restore: Callable[[], None]) -> None:
    # A GET made the connection read only, and a read-only connection refuses to change that: it is used once. Sessions
    # live on POST requests, where this succeeds.
    try:
        restore()
    except Exception as error:
        if "READONLY" not in str(error):
            raise from_engine(error) from None


def _set(connection: Connection, name: str, value: str) -> None:
    if not _IDENTIFIER.match(name):
        raise ClickHouseError.named(115, "UNKNOWN_SETTING", f"Unknown setting '{name}'")
    connection.query(f"set {name} = '{_escaped(value)}'", "Null")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def _quoted(identifier: str) -> str:
    return "`" + identifier.replace("\\", "\\\\").replace("`", "\\`") + "`"
