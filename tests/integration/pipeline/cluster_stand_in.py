"""A server that takes a cluster's statements and runs them on a single ClickHouse, for want of a cluster.

Each statement is kept as it was sent. Then what only a cluster understands is taken out and the rest runs on the real
engine: so the whole nightly work goes on, and the next statement depends on what the one before did.
"""

from __future__ import annotations

import http.client
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

CLUSTER = "company"

_ONLY_IN_A_CLUSTER = (
    (re.compile(rf"\s+on\s+cluster\s+[`\"]?{CLUSTER}[`\"]?", re.IGNORECASE), " "),
    (re.compile(r"\bReplicated(\w*MergeTree)"), r"\1"),
    (re.compile(rf"clusterAllReplicas\([`\"]?{CLUSTER}[`\"]?, ([\w.]+)\)"), r"\1"),
    (re.compile(r"\b_shard_num\b"), "1"),
    (re.compile(r"\bsystem sync replica\b.*", re.IGNORECASE | re.DOTALL), "select 1"),
)
_OF_ONE_CONNECTION = ("host", "content-length", "transfer-encoding", "connection")


@contextmanager
def cluster_stand_in(host: str, port: int) -> Iterator[tuple[int, list[str]]]:
    """Listen on loopback before the server at `host:port`; yield the port and the statements as they come in."""
    with _StandIn(host, port) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_address[1], server.statements
        finally:
            server.shutdown()
            thread.join()


class _StandIn(ThreadingHTTPServer):
    def __init__(self, host: str, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.host, self.port = host, port
        self.statements: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _StandIn

    def do_GET(self) -> None:
        self._pass_on(b"")

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            self._pass_on(b"".join(self._chunks()))
        else:
            self._pass_on(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _pass_on(self, body: bytes) -> None:
        address = urlsplit(self.path)
        parameters = dict(parse_qsl(address.query, keep_blank_values=True))
        if "query" in parameters:
            parameters["query"] = _on_one_server(parameters["query"], self.server.statements)
        elif body and not self.headers.get("Content-Encoding"):
            body = _on_one_server(body.decode(), self.server.statements).encode()
        connection = http.client.HTTPConnection(self.server.host, self.server.port)
        connection.request(
            self.command,
            f"{address.path}?{urlencode(parameters)}",
            body or None,
            {name: value for name, value in self.headers.items() if name.lower() not in _OF_ONE_CONNECTION},
        )
        answer = connection.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _OF_ONE_CONNECTION:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        connection.close()


def _on_one_server(statement: str, statements: list[str]) -> str:
    statements.append(statement)
    for pattern, replacement in _ONLY_IN_A_CLUSTER:
        statement = pattern.sub(replacement, statement)
    return statement
