"""Starts the server as a child process and waits until it answers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from deploy.settings import REPOSITORY

HOST = "127.0.0.1"
STOP_TIMEOUT_SECONDS = 60.0
_READY = re.compile(r"listens on http://[^ ]*:(\d+),")


class ClickHouseStartError(Exception):
    """The server did not start; the message is its own one line."""


class RunningClickHouse:
    """A running server. As a context manager it stops the server at the end of the block.

    Attributes:
        host: the loopback address it listens on.
        port: the TCP port it listens on.
        pid: the server's process id.
    """

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        """Take charge of a server process that answers on `port`."""
        self.host = HOST
        self.port = port
        self.pid = process.pid
        self._process = process

    def has_ended(self) -> bool:
        """Tell whether the server is gone."""
        return self._process.poll() is not None

    def kill(self) -> None:
        """End the server at once, as a power cut would."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Let running queries finish, shut the server down and return its exit code; harmless when repeated."""
        self._process.terminate()
        try:
            return self._process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def __enter__(self) -> Self:
        """Return the running server itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server."""
        self.stop()


def start_clickhouse(
    data: Path,
    *,
    port: int = 0,
    user: str,
    password: str,
    reader_password: str | None = None,
    log: Path | None = None,
    max_memory: int | None = None,
) -> RunningClickHouse:
    """Start the server on loopback and return once it answers.

    Args:
        data: folder of the server; created when missing.
        port: TCP port; 0 takes a free one.
        user: the user who may do everything.
        password: that user's password.
        reader_password: password of the account `reader`, which may only read what readers are shown; None: no such.
        log: file that the server's messages are appended to; by default `server.log` in `data`.
        max_memory: bytes for all queries together; by default half of the machine's, at most 8 GiB.

    Raises:
        ClickHouseStartError: one line; the port is taken, the folder is in use, and so on.
    """
    data.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "deploy.embedded.clickhouse",
        "--data",
        str(data),
        "--port",
        str(port),
        "--user",
        user,
        "--until-stdin-ends",
    ]
    if max_memory is not None:
        command += ["--max-memory", str(max_memory)]
    with (log or data / "server.log").open("a+", encoding="utf-8") as messages:
        begin = messages.tell()
        process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env={
                **os.environ,
                "CLICKHOUSE_PASSWORD": password,
                "CLICKHOUSE_READER_PASSWORD": reader_password or "",
            },
            # Held open by this process: its end, however it comes, ends the server too.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=messages,
            text=True,
            # Ctrl-C in a terminal reaches the whole process group: only the parent decides when the server stops.
            start_new_session=True,
        )
        ready = _READY.search(process.stdout.readline()) if process.stdout else None
        if ready is None:
            process.wait()
            raise ClickHouseStartError(_last_line(messages, begin))
    return RunningClickHouse(process, int(ready.group(1)))


def _last_line(messages: IO[str], begin: int) -> str:
    messages.seek(begin)
    lines = messages.read().strip().splitlines()
    return lines[-1].removeprefix("error: ") if lines else "the ClickHouse server ended without a message"
