"""`python -m deploy.demo_crm fill | day`: makes the demo CRM in the database of the DB_* variables, or plays days."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime

import psycopg

from deploy.connections import ConnectionFailed, connect_postgres
from deploy.demo_crm.day import play_day
from deploy.demo_crm.fill import DEFAULT_DEALS, DEFAULT_SEED, fill
from deploy.demo_crm.storage import Connection, DemoError
from deploy.settings import SettingsError, load_postgres_settings


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return the exit code."""
    options = _parse(arguments)
    try:
        with connect_postgres(load_postgres_settings()) as connection:
            if options.command == "fill":
                _fill(connection, options)
            else:
                _play(connection, options)
        return 0
    except (SettingsError, ConnectionFailed, DemoError) as error:
        print(f"error: {error}", file=sys.stderr)
    except psycopg.Error as error:
        print(f"error: PostgreSQL: {str(error).strip().splitlines()[0]}", file=sys.stderr)
    return 1


def _fill(connection: Connection, options: argparse.Namespace) -> None:
    began = time.monotonic()
    filled = fill(
        connection,
        seed=options.seed,
        deals=options.deals,
        as_of=options.as_of or datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0),
        replace=options.replace,
        progress=lambda line: print(f"{time.monotonic() - began:6.1f} s  {line}", flush=True),
    )
    for table, count in filled.rows.items():
        print(f"{count:>12,}  {table}")
    print("edge cases:")
    for name, count in filled.edge_cases.items():
        print(f"{count:>12,}  {name.replace('_', ' ')}")


def _play(connection: Connection, options: argparse.Namespace) -> None:
    for _ in range(options.days):
        played = play_day(connection, hard_deletes=options.hard_deletes, stamp="now" if options.stamp_now else "day")
        changes = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in played.changes.items())
        print(f"day {played.number}, as of {played.as_of:%Y-%m-%d %H:%M} UTC: {changes}", flush=True)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.demo_crm", description="The demo CRM, in the database that the DB_* variables name."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("fill", help="create the tables and fill them with three years of three companies")
    make.add_argument("--deals", type=int, default=DEFAULT_DEALS, help="about how many deals (default: %(default)s)")
    make.add_argument("--seed", type=int, default=DEFAULT_SEED, help="which of many companies (default: %(default)s)")
    make.add_argument("--as-of", type=_moment, help="moment at which the history ends (default: today 00:00 UTC)")
    make.add_argument("--replace", action="store_true", help="drop an earlier demo CRM and fill anew")
    play = commands.add_parser("day", help="let a day pass: new business, moves, corrections, deletions")
    play.add_argument("--days", type=int, default=1, help="how many (default: %(default)s)")
    play.add_argument("--hard-deletes", action="store_true", help="also delete some rows without a trace")
    play.add_argument(
        "--stamp-now",
        action="store_true",
        help="set updated_at of what changed to the clock's time instead of a time of the played day",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
