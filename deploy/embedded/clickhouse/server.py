"""The HTTP side: requests in, results out, and a watch on clients that leave.

The standard library's threading server is enough: connections are few and long-lived, every query runs outside the GIL,
and its blocking sockets stream in both directions without buffering. TCP_NODELAY is essential: without it a round trip
costs 40 ms.
"""

from __future__ import annotations

import hmac
import itertools
import json
import secrets
import select
import socket
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from deploy.embedded.clickhouse.compression import choose_encoding, compress, decompress
from deploy.embedded.clickhouse.configuration import ServerOptions
from deploy.embedded.clickhouse.engine import Engine, Query, Summary
from deploy.embedded.clickhouse.errors import ClickHouseError
from deploy.embedded.clickhouse.reader import READER
from deploy.embedded.clickhouse.request import (
    Credentials,
    Parameters,
    body_chunks,
    parse_form,
    parse_target,
    read_credentials,
    sort_parameters,
)
from deploy.embedded.clickhouse.statement import (
    InsertStatement,
    parse_insert,
    result_format,
    returns_rows,
    translate_kill,
)

# A statement is read whole up to here; the data of an INSERT streams behind it.
_LONGEST_STATEMENT = 1024 * 1024
_LARGEST_FORM = 64 * 1024 * 1024
_DEFAULT_SESSION_SECONDS = "60"
_WATCH_INTERVAL_SECONDS = 0.25
_UNREAD_BODY_SECONDS = 5.0
_CANCEL_SECONDS = 10.0
_SPOOLED_IN_MEMORY = 8 * 1024 * 1024
_SPOOL_BLOCK = 1024 * 1024


class ClickHouseServer(ThreadingHTTPServer):
    """Serves one engine; knows which queries run and for whom."""

    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, options: ServerOptions, engine: Engine) -> None:
        """Bind the address; `serve_forever` answers."""
        self.options = options
        self.engine = engine
        self._running: dict[str, socket.socket] = {}
        self._running_lock = threading.Lock()
        self._stopping = threading.Event()
        super().__init__((options.host, options.port), _Handler)
        threading.Thread(target=self._watch_clients, name="watch", daemon=True).start()

    def begin(self, query_id: str, client: socket.socket) -> None:
        """Register a running query.

        Raises:
            ClickHouseError: too many queries run (202), or one of that id does (216).
        """
        if self._stopping.is_set():
            raise ClickHouseError.named(236, "ABORTED", "The server is shutting down")
        with self._running_lock:
            if len(self._running) >= self.options.max_queries:
                message = f"Too many simultaneous queries. Maximum: {self.options.max_queries}"
                raise ClickHouseError.named(202, "TOO_MANY_SIMULTANEOUS_QUERIES", message)
            if query_id in self._running:
                message = f"Query with id = {query_id} is already running"
                raise ClickHouseError.named(216, "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING", message)
            self._running[query_id] = client

    def end(self, query_id: str) -> None:
        """Forget a query that ended."""
        with self._running_lock:
            self._running.pop(query_id, None)

    def drain(self) -> None:
        """Let running queries finish within the grace time, then cancel what is left."""
        self._stopping.set()
        if not self._wait_until_idle(self.options.grace):
            self.engine.cancel_all()
            with self._running_lock:
                clients = list(self._running.values())
            for client in clients:
                # Ends the wait for data that a client may never send.
                with suppress(OSError):
                    client.shutdown(socket.SHUT_RD)
            self._wait_until_idle(_CANCEL_SECONDS)

    def handle_error(self, request: object, client_address: object) -> None:
        """Report a defect in one line; clients that leave are none."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            print(f"error: a request ended with {type(error).__name__}", file=sys.stderr, flush=True)

    def _wait_until_idle(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self._running and time.monotonic() < deadline:
            time.sleep(0.02)
        return not self._running

    def _watch_clients(self) -> None:
        """Cancel queries whose client hung up: nobody would read their result."""
        while not self._stopping.wait(_WATCH_INTERVAL_SECONDS):
            self.engine.expire_sessions()
            with self._running_lock:
                running = list(self._running.items())
            for query_id, client in running:
                if _has_hung_up(client):
                    with suppress(Exception):
                        self.engine.cancel(query_id)


class _Handler(BaseHTTPRequestHandler):
    server: ClickHouseServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server_version = "ClickHouse"
    wbufsize = 64 * 1024
    timeout: ClassVar[float] = 3600.0

    def do_GET(self) -> None:
        """Answer a health check or a reading query."""
        self._answer(read_only=True)

    def do_POST(self) -> None:
        """Answer a query; its text or its data is in the body."""
        self._answer(read_only=False)

    def handle_expect_100(self) -> bool:
        """Let a client that asks send its body now; the answer must not wait in the buffer."""
        answered = super().handle_expect_100()
        self.wfile.flush()
        return answered

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent: query texts may hold personal data; system.query_log has them for those who may read it."""

    def _answer(self, *, read_only: bool) -> None:
        path, raw = parse_target(self.path)
        if path in ("/ping", "/replicas_status") or (path == "/" and read_only and not raw):
            self._send_plain(200, b"Ok.\n")
            return
        query_id = raw.get("query_id") or str(uuid.uuid4())
        started = False
        body = body_chunks(self.headers, self.rfile)  # type: ignore[arg-type]
        try:
            reader = self._authenticate(raw)
            self.server.begin(query_id, self.connection)
            started = True
            self._run(raw, body, query_id, read_only=read_only, reader=reader)
        except ClickHouseError as error:
            self._send_error(error, query_id, body)
        except OSError:
            self.close_connection = True
        except (ValueError, LookupError) as error:
            named = ClickHouseError.named(36, "BAD_ARGUMENTS", f"The request cannot be read: {error}")
            self._send_error(named, query_id, body)
        finally:
            if started:
                self.server.end(query_id)

    def _authenticate(self, raw: dict[str, str]) -> bool:
        """Return whether it is the reader who asks; raise ClickHouseError (516) for a stranger."""
        options = self.server.options
        given = read_credentials(self.headers, raw)
        if _matches(given, options.user, options.password):
            return False
        if options.reader_password is not None and _matches(given, READER, options.reader_password):
            return True
        message = f"{given.user}: Authentication failed: password is incorrect, or there is no user with such name"
        raise ClickHouseError.named(516, "AUTHENTICATION_FAILED", message)

    def _run(self, raw: dict[str, str], body: Iterator[bytes], query_id: str, *, read_only: bool, reader: bool) -> None:
        plain = decompress(body, self.headers.get("Content-Encoding", ""))
        content_type = self.headers.get("Content-Type", "")
        if content_type.lower().startswith("multipart/form-data"):
            parameters = parse_form(content_type, _read_whole(plain, _LARGEST_FORM), raw)
            plain = iter(())
        else:
            parameters = sort_parameters(raw)
        if parameters.flag("compress") or parameters.flag("decompress"):
            message = "compress=1 and decompress=1 are not supported; use Accept-Encoding and Content-Encoding"
            raise ClickHouseError.named(48, "NOT_IMPLEMENTED", message)
        text, insert, data = _split_statement(parameters, plain)
        query = Query(
            text=translate_kill(text),
            format=result_format(text, self._default_format(parameters)),
            query_id=query_id,
            database=parameters.interface.get("database") or self.headers.get("X-ClickHouse-Database") or "",
            settings=parameters.settings,
            parameters=parameters.query_parameters,
            read_only=read_only,
            reader=reader,
        )
        engine, summary = self.server.engine, Summary()
        with (
            engine.connection(
                # A reader's connection can never be made writable again, and has nothing that a session would keep.
                "" if reader else parameters.interface.get("session_id", ""),
                timeout=float(parameters.interface.get("session_timeout", _DEFAULT_SESSION_SECONDS)),
                must_exist=parameters.flag("session_check"),
            ) as lease,
            engine.external_tables(lease, parameters.external_tables),
        ):
            if insert is not None:
                engine.insert(lease, query, insert, data, summary)
                self._send_result(iter(()), query, parameters, summary)
                return
            for _ in data:
                pass
            # The connection may be lent again only after the query has ended, whatever becomes of its client.
            with closing(engine.select(lease, query, summary)) as result:
                self._send_result(result, query, parameters, summary)

    def _default_format(self, parameters: Parameters) -> str:
        header = self.headers.get("X-ClickHouse-Format")
        return header or parameters.interface.get("default_format") or "TabSeparated"

    def _send_result(self, chunks: Iterator[bytes], query: Query, parameters: Parameters, summary: Summary) -> None:
        encoding = ""
        if parameters.flag("enable_http_compression"):
            encoding = choose_encoding(self.headers.get("Accept-Encoding", ""))
        if parameters.flag("wait_end_of_query"):
            self._send_spooled(compress(chunks, encoding), encoding, query, summary)
            return
        # An error before the first bytes still gets its own status.
        ahead = list(itertools.islice(chunks, 2))
        if len(ahead) < 2:
            self._send_whole(b"".join(compress(ahead, encoding)), encoding, query, summary)
        else:
            self._send_chunked(itertools.chain(ahead, chunks), encoding, query, summary)

    def _send_spooled(self, packed: Iterator[bytes], encoding: str, query: Query, summary: Summary) -> None:
        """Send a result after its last row is known; a large one waits on disk."""
        folder = self.server.options.data / "tmp"
        with tempfile.SpooledTemporaryFile(max_size=_SPOOLED_IN_MEMORY, dir=str(folder)) as spool:
            for chunk in packed:
                spool.write(chunk)
            length = spool.tell()
            spool.seek(0)
            self._send_result_head(encoding, query, summary)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            while block := spool.read(_SPOOL_BLOCK):
                self._write_held(block)

    def _send_whole(self, whole: bytes, encoding: str, query: Query, summary: Summary) -> None:
        self._send_result_head(encoding, query, summary)
        self.send_header("Content-Length", str(len(whole)))
        self.end_headers()
        self._write_held(whole)

    def _send_chunked(self, chunks: Iterator[bytes], encoding: str, query: Query, summary: Summary) -> None:
        tag = secrets.token_hex(8)
        self._send_result_head(encoding, query, summary)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("X-ClickHouse-Exception-Tag", tag)
        self.end_headers()
        failures: list[ClickHouseError] = []
        for chunk in compress(_mark_failure(chunks, tag, failures), encoding):
            self._write_chunk(chunk)
        if failures:
            # The missing last chunk tells of the failure even those who look for no mark.
            self.close_connection = True
            return
        self.wfile.write(b"0\r\n\r\n")

    def _send_result_head(self, encoding: str, query: Query, summary: Summary) -> None:
        self.send_response(200)
        self._send_query_headers(query.query_id, query.format if returns_rows(query.text) else "", summary)
        if encoding:
            self.send_header("Content-Encoding", encoding)

    def _write_held(self, data: bytes) -> None:
        """Keep the last byte in the buffer until the request is over.

        A client that has the whole answer sends its next request, and must find its session and its query id free.
        """
        self.wfile.write(data[:-1])
        self.wfile.write(data[-1:])

    def _write_chunk(self, chunk: bytes) -> None:
        if chunk:
            self.wfile.write(b"%x\r\n" % len(chunk) + chunk + b"\r\n")
            self.wfile.flush()

    def _send_query_headers(self, query_id: str, format_: str, summary: Summary) -> None:
        self.send_header("Content-Type", "text/plain; charset=UTF-8")
        self.send_header("X-ClickHouse-Server-Display-Name", "crm-analytics embedded")
        self.send_header("X-ClickHouse-Query-Id", query_id)
        if format_:
            self.send_header("X-ClickHouse-Format", format_)
        self.send_header("X-ClickHouse-Timezone", "UTC")
        self.send_header(
            "X-ClickHouse-Summary", json.dumps({name: str(value) for name, value in asdict(summary).items()})
        )

    def _send_error(self, error: ClickHouseError, query_id: str, body: Iterator[bytes]) -> None:
        if not self._read_rest(body):
            self.close_connection = True
        text = error.text.encode() + b"\n"
        self.send_response(error.status)
        self.send_header("X-ClickHouse-Exception-Code", str(error.code))
        if self.close_connection:
            self.send_header("Connection", "close")
        self._send_query_headers(query_id, "TabSeparated", Summary())
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _read_rest(self, body: Iterator[bytes]) -> bool:
        """Read what the client still sends, or it sees a reset instead of the answer; False if it sends too long."""
        deadline = time.monotonic() + _UNREAD_BODY_SECONDS
        self.connection.settimeout(_UNREAD_BODY_SECONDS)
        try:
            for _ in body:
                if time.monotonic() > deadline:
                    return False
        except OSError:
            return False
        finally:
            self.connection.settimeout(self.timeout)
        return True

    def _send_plain(self, status: int, text: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=UTF-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def _matches(given: Credentials, user: str, password: str) -> bool:
    right_user = hmac.compare_digest(given.user.encode(), user.encode())
    right_password = hmac.compare_digest(given.password.encode(), password.encode())
    return right_user and right_password


def _split_statement(
    parameters: Parameters, body: Iterator[bytes]
) -> tuple[str, InsertStatement | None, Iterator[bytes]]:
    """Return the statement's text, the INSERT that it is if data follows, and the data."""
    in_url = parameters.interface.get("query", "")
    insert = parse_insert(in_url) if in_url else None
    if insert is not None:
        rest = in_url[insert.data_offset :].encode()
        return in_url, insert, itertools.chain([rest] if rest.strip() else [], body)
    head, tail = _read_head(body, _LONGEST_STATEMENT)
    text = head.decode("utf-8", errors="surrogateescape")
    insert = None if in_url else parse_insert(text)
    if insert is not None and (insert.format.lower() != "values" or tail):
        data = text[insert.data_offset :].encode("utf-8", errors="surrogateescape")
        # Without the data: looking for words in them would cost more than inserting them.
        return text[: insert.data_offset], insert, itertools.chain([data], tail)
    rest = b"".join(tail)
    if len(rest) > _LARGEST_FORM:
        raise ClickHouseError.named(62, "SYNTAX_ERROR", f"The statement is longer than {_LARGEST_FORM} bytes")
    whole = in_url + ("\n" if in_url and head else "") + (head + rest).decode("utf-8")
    if not whole.strip():
        raise ClickHouseError.named(62, "SYNTAX_ERROR", "Empty query")
    return whole, None, iter(())


def _read_head(body: Iterator[bytes], size: int) -> tuple[bytes, list[bytes] | Iterator[bytes]]:
    read = bytearray()
    for chunk in body:
        read += chunk
        if len(read) >= size:
            following = next(body, None)
            return bytes(read), [] if following is None else itertools.chain([following], body)
    return bytes(read), []


def _read_whole(body: Iterator[bytes], limit: int) -> bytes:
    read = bytearray()
    for chunk in body:
        read += chunk
        if len(read) > limit:
            raise ClickHouseError.named(62, "SYNTAX_ERROR", f"The form is longer than {limit} bytes")
    return bytes(read)


def _mark_failure(chunks: Iterator[bytes], tag: str, failures: list[ClickHouseError]) -> Iterator[bytes]:
    """Yield the chunks and, if they fail, the error's text as ClickHouse marks it in data: the status is sent."""
    try:
        yield from chunks
    except ClickHouseError as error:
        failures.append(error)
        yield _marked(error, tag)


def _marked(error: ClickHouseError, tag: str) -> bytes:
    text = error.text.encode()
    return b"\r\n__exception__\r\n%b\r\n%b\n%d %b\r\n__exception__\r\n" % (tag.encode(), text, len(text), tag.encode())


def _has_hung_up(client: socket.socket) -> bool:
    try:
        # Not select(): it fails on descriptors from 1024 up, and a healthy query would be taken for an abandoned one.
        poller = select.poll()
        poller.register(client, select.POLLIN)
        return bool(poller.poll(0)) and client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except (OSError, ValueError):
        return True
