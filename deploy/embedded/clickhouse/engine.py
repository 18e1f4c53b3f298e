"""chDB behind a query interface: a connection per request or session, settings, streaming both ways, cancelling.

HTTP belongs in `server`. A connection costs 0.2 ms and isolates settings and temporary tables completely, so requests
without a session get a fresh one instead of a pool that would have to be cleaned.
"""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections.abc import Generator, Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass, field

from chdb.state.sqlitelike import Connection

from deploy.embedded.clickhouse.configuration import ServerOptions, write_configuration
from deploy.embedded.clickhouse.errors import ClickHouseError, from_engine
from deploy.embedded.clickhouse.reader import READER_SETTINGS, check_reading
from deploy.embedded.clickhouse.statement import InsertStatement, changes_settings, only_reads

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
    reader: bool = False


@dataclass(frozen=True, slots=True)
class ExternalTable:
    """Rows that the client sent along, visible to this query as a temporary table."""

    name: str
    structure: str
    format: str
    data: bytes


@dataclass(slots=True)
class SessionSettings:
    """The settings of a session's connection: a request's own must not outlive it.

    They are taken back by the next request, and only where that one differs: requests of one client mostly send the
    same ones, and each statement costs a tenth of a millisecond.

    Attributes:
        own: what the session's own statements made of a setting, as an SQL literal or `default`.
        applied: what the last request made of it.
    """

    own: dict[str, str] = field(default_factory=dict)
    applied: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lease:
    """A connection for the time of one request; `session` is None unless it is a session's."""

    connection: Connection
    session: SessionSettings | None = None


@dataclass(slots=True)
class _Session:
    lease: Lease
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
        self._root_lock = threading.Lock()
        self.version = self._scalar("select version()")

    def close(self) -> None:
        """Close sessions and the engine; everything that was acknowledged is on disk afterwards."""
        with self._sessions_lock:
            sessions, self._sessions = list(self._sessions.values()), {}
        for session in sessions:
            session.lease.connection.close()
        self._root.query("system flush logs", "Null")
        self._root.close()

    @contextmanager
    def connection(self, session_id: str, *, timeout: float, must_exist: bool) -> Iterator[Lease]:
        """Lend the connection of a session, or a fresh one without a session id.

        Raises:
            ClickHouseError: the session is busy (373), or must exist and does not (372).
        """
        if not session_id:
            connection = Connection(self._address)
            try:
                yield Lease(connection)
            finally:
                connection.close()
            return
        session = self._session(session_id, timeout, must_exist)
        if not session.lock.acquire(blocking=False):
            raise ClickHouseError.named(
                373, "SESSION_IS_LOCKED", f"Session {session_id} is locked by a concurrent client"
            )
        try:
            yield session.lease
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
            session.lease.connection.close()

    def cancel(self, query_id: str) -> None:
        """Stop the query that a client called `query_id`, if it still runs."""
        statement = f"kill query where Settings['log_comment'] = '{_escaped(query_id)}' async"
        with self._root_lock:
            self._root.query(statement, "Null")

    def cancel_all(self) -> None:
        """Stop every running query."""
        with self._root_lock:
            self._root.query("kill query where Settings['log_comment'] != '' async", "Null")

    def select(self, lease: Lease, query: Query, summary: Summary) -> Generator[bytes, None, None]:
        """Run any statement without data and yield its result; memory stays bounded for streamable formats."""
        connection = lease.connection
        with _translated_errors():
            _prepare(lease, query)
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
        self, lease: Lease, query: Query, statement: InsertStatement, data: Iterable[bytes], summary: Summary
    ) -> None:
        """Push `data` into an INSERT as it arrives.

        A failure of `data` or of the engine cancels the insert: rows that do not fill a block are not written.
        """
        with _translated_errors():
            _prepare(lease, query)
            # The streaming insert takes no parameters of its own.
            _set(lease.connection, {f"param_{name}": _literal(value) for name, value in query.parameters.items()})
            token = uuid.uuid4().hex
            with lease.connection.send_insert(f"{statement.head} /* {token} */", statement.format) as inserter:
                for chunk in data:
                    inserter.append(chunk)
                result = inserter.finish()
            self._raise_if_failed(token)
            summary.written_rows = result.rows_written
            summary.written_bytes = result.bytes_written

    def _raise_if_failed(self, token: str) -> None:
        """Raise the error of the finished insert that carries the token.

        chDB reports what goes wrong while it parses, and nothing of what goes wrong behind that (a default that fails,
        a violated constraint, a full disk): such an insert finishes as if its rows were written. Its log knows better.
        """
        with self._root_lock:
            self._root.query("system flush logs query_log", "Null")
            failures = self._root.query(
                "select exception from system.query_log where type = 'ExceptionWhileProcessing' "
                f"and query_kind = 'Insert' and position(query, '/* {token} */') > 0",
                "JSONCompactEachRow",
            )
        for line in bytes(failures.bytes()).decode().splitlines():
            raise RuntimeError(json.loads(line)[0])

    @contextmanager
    def external_tables(self, lease: Lease, tables: Iterable[ExternalTable]) -> Iterator[None]:
        """Make the rows of external tables visible to the connection's queries for the time of the block."""
        loaded: list[str] = []
        try:
            for table in tables:
                self._load_external(lease.connection, table)
                loaded.append(table.name)
            yield
        finally:
            if lease.session is not None:
                for name in loaded:
                    lease.connection.query(f"drop temporary table if exists `{name}`", "Null")

    def _load_external(self, connection: Connection, table: ExternalTable) -> None:
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
                lease = Lease(Connection(self._address), SessionSettings())
                session = _Session(lease, threading.Lock(), bounded, time.monotonic() + bounded)
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


def _prepare(lease: Lease, query: Query) -> None:
    """Give the connection the request's database and settings."""
    if query.database:
        lease.connection.query(f"use {_quoted(query.database)}", "Null")
    if query.reader:
        check_reading(query.text, query.database, lambda text: _plain(lease.connection, text))
    # chDB assigns query ids of its own and knows no custom settings; a comment of the client's own goes first.
    wanted = {name: _literal(value) for name, value in {"log_comment": query.query_id, **query.settings}.items()}
    if lease.session is not None:
        if query.read_only and not only_reads(query.text):
            # A read-only connection could never be made writable again, so a session's is not made so.
            raise ClickHouseError.named(164, "READONLY", "Cannot execute query in readonly mode; use POST")
        _set_in_session(lease.connection, lease.session, query, wanted)
        return
    if query.reader:
        # Known to the server before the connection is closed to changes; a client cannot set them any more.
        wanted |= READER_SETTINGS
    elif query.read_only:
        wanted["readonly"] = "2"
    _set(lease.connection, wanted)


def _plain(connection: Connection, text: str) -> str:
    return bytes(connection.query(text, "TabSeparatedRaw").bytes()).decode()


def _set_in_session(connection: Connection, session: SessionSettings, query: Query, wanted: dict[str, str]) -> None:
    if changes_settings(query.text):
        # What a SET changes is the session's own from now on.
        _set(connection, {name: session.own[name] for name in session.applied})
        session.own.clear()
        session.applied.clear()
        return
    _learn(connection, session, wanted.keys() - session.own.keys())
    changes = {name: session.own[name] for name in session.applied.keys() - wanted.keys()}
    changes |= {name: value for name, value in wanted.items() if session.applied.get(name) != value}
    _set(connection, changes)
    session.applied = wanted


def _learn(connection: Connection, session: SessionSettings, names: Set[str]) -> None:
    if not names:
        return
    _check_names(names)
    listed = ", ".join(_literal(name) for name in names)
    query = f"select name, if(changed, value, '') from system.settings where name in ({listed})"
    rows = bytes(connection.query(query, "JSONCompactEachRow").bytes()).decode()
    values = dict(json.loads(row) for row in rows.splitlines())
    session.own |= {name: _literal(values[name]) if values.get(name) else "default" for name in names}


def _set(connection: Connection, values: Mapping[str, str]) -> None:
    """Set all of them or, if one is wrong, none; the values are SQL literals."""
    if values:
        _check_names(values.keys())
        connection.query("set " + ", ".join(f"{name} = {value}" for name, value in values.items()), "Null")


def _check_names(names: Set[str]) -> None:
    for name in names:
        if not _IDENTIFIER.match(name):
            raise ClickHouseError.named(115, "UNKNOWN_SETTING", f"Unknown setting '{name}'")


def _literal(text: str) -> str:
    return f"'{_escaped(text)}'"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def _quoted(identifier: str) -> str:
    return "`" + identifier.replace("\\", "\\\\").replace("`", "\\`") + "`"
