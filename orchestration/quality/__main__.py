"""Commands of the quality suites: `python -m orchestration.quality check|docs|accept`."""

from __future__ import annotations

import argparse
import sys

from clickhouse_connect.driver.exceptions import DatabaseError

from deploy.connections import ConnectionFailed, connect_clickhouse
from deploy.dagster_home import local_home
from deploy.settings import SettingsError, load_clickhouse_settings
from orchestration.extraction.replica import Warehouse
from orchestration.quality.data_docs import docs_folder
from orchestration.quality.suite import SuiteError, load_suites
from orchestration.quality.volume import accept_counts


def main() -> int:
    """Run the command; return the exit code."""
    arguments = _parse_arguments()
    try:
        if arguments.command == "docs":
            return _docs()
        if arguments.command == "check":
            return _check()
        return _accept(arguments.table)
    except (SettingsError, ConnectionFailed, SuiteError) as error:
        return _fail(str(error))


def _check() -> int:
    suites = load_suites()
    rules = sum(len(list(suite.rules())) for suite in suites.values())
    print(f"{len(suites)} suites, {rules} rules: all well formed")
    return 0


def _docs() -> int:
    page = docs_folder(local_home()) / "index.html"
    if not page.exists():
        return _fail("no Data Docs yet: the nightly job writes them, make demo or make run")
    print(f"Data Docs of the last examination: {page}")
    print(f"open in a browser: {page.as_uri()}")
    return 0


def _accept(table: str) -> int:
    if table not in load_suites():
        return _fail(f"table '{table}' is not among: {', '.join(load_suites())}")
    try:
        settings = load_clickhouse_settings()
        accepted = accept_counts(Warehouse(connect_clickhouse(settings), cluster=settings.cluster), table)
    except DatabaseError as error:
        if "UNKNOWN_TABLE" in str(error) or "UNKNOWN_DATABASE" in str(error):
            return _fail("no rows were counted yet: run the nightly job first")
        raise
    for tenant, rows in accepted:
        print(f"{table}: tenant '{tenant}' continues from {rows:,} live rows")
    if not accepted:
        print(f"{table}: no loss of rows is waiting to be accepted")
    return 0


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 1


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m orchestration.quality", description="Suites of the landed tables.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="validate the suite files")
    commands.add_parser("docs", help="say where the Data Docs of the last examination lie")
    accept = commands.add_parser("accept", help="accept a loss of rows that was meant")
    accept.add_argument("table", help="canonical table, for example deals")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
