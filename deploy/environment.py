"""Runs a module against the embedded engines that `make up` has started: `python -m deploy.environment MODULE [ARGS]`.

Where the environment or `.env` names databases of one's own, those are left as they are.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.dagster_home import local_home
from deploy.embedded.clickhouse import ClickHouseStartError, start_clickhouse
from deploy.embedded.engines import LOGIN, plan_engines, running_environment
from deploy.settings import ClickHouseSettings, SettingsError, load_clickhouse_settings, read_environment


class NoWarehouse(Exception):
    """There is no warehouse to work on; the message is one line that says what to do."""


@contextmanager
def warehouse() -> Iterator[ClickHouseSettings]:
    """Lead to the warehouse: one's own, else the one of `make up`, else the demo's, started for this block only.

    Raises:
        NoWarehouse: none is named, none runs, and no demo has been made; or the demo's does not start.
        SettingsError: a setting is missing or malformed.
    """
    variables = read_environment()
    home = local_home(variables)
    if "CLICKHOUSE_HOST" in variables:
        yield load_clickhouse_settings(variables)
        return
    found = running_environment(home)
    if found is not None:
        yield load_clickhouse_settings(variables | found)
        return
    if not (home / "clickhouse").is_dir():
        raise NoWarehouse("there is no warehouse here: run `make demo` first, or set CLICKHOUSE_HOST in .env")
    plan = plan_engines(home, variables)
    try:
        server = start_clickhouse(
            home / "clickhouse",
            port=plan.clickhouse_port,
            user=LOGIN,
            password=plan.password,
            reader_password=plan.reader_password,
            log=home / "clickhouse.log",
        )
    except ClickHouseStartError as error:
        raise NoWarehouse(str(error)) from None
    with server:
        yield load_clickhouse_settings(variables | plan.environment())


def main() -> int:
    """Replace this process by the module; return only when there is nothing to connect to."""
    module, *arguments = sys.argv[1:]
    try:
        variables = read_environment()
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    engines: dict[str, str] = {}
    if "CLICKHOUSE_HOST" not in variables:
        found = running_environment(local_home(variables))
        if found is None:
            print("error: no engines run here: start them with `make up`, or set CLICKHOUSE_HOST", file=sys.stderr)
            return 1
        engines = found
    os.execve(sys.executable, [sys.executable, "-m", module, *arguments], {**os.environ, **engines})


if __name__ == "__main__":
    sys.exit(main())
