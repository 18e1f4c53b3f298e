"""`python -m deploy.embedded.postgres`: embedded PostgreSQL in the foreground until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

from deploy.embedded.postgres.errors import PostgresStartError
from deploy.embedded.postgres.process import start_postgres
from deploy.settings import SettingsError, read_environment


class _StopRequested(Exception):
    """A signal asked us to stop."""


def main(arguments: list[str] | None = None) -> int:
    """Run the server until a signal arrives; return the exit code."""
    options = _parse(arguments)
    signal.signal(signal.SIGTERM, _request_stop)
    signal.signal(signal.SIGINT, _request_stop)
    try:
        password = read_environment().get("DB_PASSWORD")
        if not password:
            raise SettingsError("DB_PASSWORD is not set (see .env.example)")
        return _serve(options, password)
    except _StopRequested:
        return 0
    except (PostgresStartError, SettingsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _serve(options: argparse.Namespace, password: str) -> int:
    server = start_postgres(
        options.data,
        port=options.port,
        username=options.user,
        password=password,
        database=options.database,
        log=options.log,
    )
    try:
        print(
            f"PostgreSQL is ready on {server.host}:{server.port}, database {options.database}, user {options.user}",
            flush=True,
        )
        code = server.wait()
        print(f"error: PostgreSQL ended unexpectedly with exit code {code}", file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        server.stop()


def _request_stop(number: int, frame: FrameType | None) -> NoReturn:
    raise _StopRequested


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.embedded.postgres",
        description="Embedded PostgreSQL on loopback TCP. The password comes from DB_PASSWORD or DB_PASSWORD_FILE.",
    )
    parser.add_argument("--data", type=Path, required=True, help="data folder, created when missing")
    parser.add_argument("--port", type=int, default=5432, help="TCP port, 0 for a free one (default: %(default)s)")
    parser.add_argument("--user", default="crm", help="login that owns the database (default: %(default)s)")
    parser.add_argument("--database", default="crm", help="database, created when missing (default: %(default)s)")
    parser.add_argument("--log", type=Path, help="the server's log (default: postgres.log in the data folder)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
