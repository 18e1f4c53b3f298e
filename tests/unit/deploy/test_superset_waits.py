"""Superset's processes, which `make up` starts beside the engines, wait for a database that is not there yet."""

from __future__ import annotations

import socketserver
import struct
from collections.abc import Iterator
from threading import Thread

import pytest

from deploy.superset import __main__ as command
from deploy.superset.server import SupersetStartError

_SSL_REQUEST = 80877103


def refusal(code: bytes, message: bytes) -> bytes:
    """Return PostgreSQL's message ErrorResponse."""
    fields = b"SFATAL\0VFATAL\0C" + code + b"\0M" + message + b"\0\0"
    return b"E" + struct.pack("!I", len(fields) + 4) + fields


class Refusing(socketserver.ThreadingTCPServer):
    """A PostgreSQL that refuses each connection with the next of its answers, and then with the last one."""

    daemon_threads = True

    def __init__(self, answers: list[bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = answers
        self.connections = 0


class Handler(socketserver.StreamRequestHandler):
    """One connection."""

    server: Refusing

    def handle(self) -> None:
        """Answer that there is no encryption, and refuse."""
        while True:
            length, request = struct.unpack("!II", self.rfile.read(8))
            self.rfile.read(length - 8)
            if request != _SSL_REQUEST:
                break
            self.wfile.write(b"N")
        answer = self.server.answers[min(self.server.connections, len(self.server.answers) - 1)]
        # Before the client hears of it and the test counts.
        self.server.connections += 1
        self.wfile.write(answer)


@pytest.fixture
def starting() -> Iterator[Refusing]:
    """Return a server that starts up, and then does not know the login."""
    starting_up = refusal(b"57P03", b"the database system is starting up")
    unknown = refusal(b"28P01", b'password authentication failed for user "superset"')
    with Refusing([starting_up, starting_up, unknown]) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_database_that_starts_is_waited_for_and_one_that_refuses_is_not(
    starting: Refusing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_CHECK_SECONDS", 0.01)
    variables = {
        "SUPERSET_METADATA_URI": f"postgresql+psycopg2://superset:secret@127.0.0.1:{starting.server_address[1]}/superset",
        "SUPERSET_SECRET_KEY": "s" * 42,
        "SUPERSET_GUEST_TOKEN_SECRET": "g" * 42,
        "SUPERSET_ADMIN_PASSWORD": "a" * 20,
        "CRM_JWT_SECRET": "j" * 42,
        "CLICKHOUSE_HOST": "127.0.0.1",
        "CLICKHOUSE_READER_USER": "reader",
        "CLICKHOUSE_READER_PASSWORD": "r" * 20,
    }
    with pytest.raises(SupersetStartError, match="password authentication failed"):
        command._wait_for_the_database("server", variables)
    assert starting.connections == 3
