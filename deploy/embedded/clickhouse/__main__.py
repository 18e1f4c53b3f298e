"""Runs the server in the foreground; passwords come from CLICKHOUSE_PASSWORD and CLICKHOUSE_READER_PASSWORD."""

from __future__ import annotations

import argparse
import ipaddress
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from deploy.embedded.clickhouse.configuration import ServerOptions, default_max_memory


def main() -> int:
    """Serve until a signal, or until the parent ends if asked to; return the exit code."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    options = _parse_arguments()
    # Importing chDB takes a second; a wrong option must not wait for it.
    from deploy.embedded.clickhouse.engine import Engine
    from deploy.embedded.clickhouse.lock import FolderTaken, lock_folder
    from deploy.embedded.clickhouse.server import ClickHouseServer

    try:
        options.data.mkdir(parents=True, exist_ok=True)
        lock = lock_folder(options.data)
    except (FolderTaken, OSError) as error:
        return _fail(str(error))
    engine = Engine(options)
    # A relative path in `file('...')` means the current folder.
    os.chdir(options.data / "files")
    try:
        server = ClickHouseServer(options, engine)
    except OSError as error:
        engine.close()
        return _fail(f"cannot listen on {options.host}:{options.port}: {error.strerror}; choose another --port")

    def stop(_signal: int, _frame: FrameType | None) -> None:
        threading.Thread(target=server.shutdown, daemon=True).start()

    if options.until_stdin_ends:
        threading.Thread(target=_call_at_end_of_stdin, args=[server.shutdown], daemon=True).start()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    host, port = server.server_address[:2]
    print(f"ClickHouse {engine.version} listens on http://{host!s}:{port}, data in {options.data}", flush=True)
    server.serve_forever(poll_interval=0.1)
    server.drain()
    server.server_close()
    engine.close()
    os.close(lock)
    return 0


def _parse_arguments() -> ServerOptions:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.embedded.clickhouse",
        description="A local ClickHouse server over chDB. The user's password comes from CLICKHOUSE_PASSWORD.",
    )
    parser.add_argument("--data", type=Path, required=True, help="folder for everything that the server keeps")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8123, help="0 lets the system choose")
    parser.add_argument("--user", default="default")
    parser.add_argument("--max-memory", type=int, default=default_max_memory(), help="bytes for all queries together")
    parser.add_argument("--max-queries", type=int, default=64, help="queries that may run at once")
    parser.add_argument("--grace", type=float, default=10.0, help="seconds for running queries at shutdown")
    parser.add_argument("--allow-remote", action="store_true", help="permit an address other than loopback")
    parser.add_argument("--until-stdin-ends", action="store_true", help="stop when the process that holds stdin ends")
    arguments = parser.parse_args()
    password = os.environ.pop("CLICKHOUSE_PASSWORD", "")
    reader_password = os.environ.pop("CLICKHOUSE_READER_PASSWORD", None)
    if not _is_loopback(arguments.host):
        if not arguments.allow_remote:
            parser.error(
                f"--host {arguments.host} is not loopback: add --allow-remote if others shall reach the server"
            )
        if not password:
            parser.error("a server that others can reach needs a password: set CLICKHOUSE_PASSWORD")
    return ServerOptions(
        data=arguments.data.resolve(),
        host=arguments.host,
        port=arguments.port,
        user=arguments.user,
        password=password,
        max_memory=arguments.max_memory,
        max_queries=arguments.max_queries,
        grace=arguments.grace,
        until_stdin_ends=arguments.until_stdin_ends,
        reader_password=reader_password or None,
    )


def _call_at_end_of_stdin(action: Callable[[], None]) -> None:
    # Not through sys.stdin: a thread that waits in its buffer makes the interpreter crash at its end.
    while os.read(0, 1):
        pass
    action()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
