"""How these tests reach a server: the real client, plain HTTP where it would hide something, and the command itself."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import clickhouse_connect
from clickhouse_connect.driver.client import Client

REPOSITORY = Path(__file__).resolve().parents[3]
USER = "warehouse"
PASSWORD = 'p\'a\\ss "word"'
MEMORY = 400 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over plain HTTP."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


def connect(port: int, **options: Any) -> Client:
    """Return a client without a session unless the options say otherwise."""
    given = {"autogenerate_session_id": False, **options}
    return clickhouse_connect.get_client(host="127.0.0.1", port=port, username=USER, password=PASSWORD, **given)


def ask(
    port: int,
    query: str = "",
    body: Any = None,
    *,
    method: str = "POST",
    headers: dict[str, str] | None = None,
    connection: http.client.HTTPConnection | None = None,
    **parameters: object,
) -> Answer:
    """Send one request; a generator as body is sent in chunks."""
    own = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    target = "/?" + urlencode({**({"query": query} if query else {}), **parameters})
    own.request(method, target, body, {"X-ClickHouse-User": USER, "X-ClickHouse-Key": PASSWORD, **(headers or {})})
    answer = own.getresponse()
    result = Answer(answer.status, answer.headers, answer.read())
    if connection is None:
        own.close()
    return result


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    """Return once the condition holds; fail the test naming `what` if it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def launch(data: Path, *arguments: str, password: str = PASSWORD) -> subprocess.Popen[str]:
    """Start the command as a user would, with options that `start_clickhouse` does not offer."""
    return subprocess.Popen(
        [sys.executable, "-m", "deploy.embedded.clickhouse", "--data", str(data), "--user", USER, *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "CLICKHOUSE_PASSWORD": password},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def port_of(process: subprocess.Popen[str]) -> int:
    """Wait until a launched server listens and return its port."""
    assert process.stdout is not None
    return int(process.stdout.readline().split("http://127.0.0.1:")[1].split(",")[0])
