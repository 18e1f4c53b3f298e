"""`make up`: the engines and Dagster in the foreground until Ctrl-C: `python -m deploy.up`.

Where the environment or `.env` names databases (CLICKHOUSE_HOST and DB_HOST), Dagster works on these and no engine is
started. The processes themselves are listed in the Procfile; honcho runs them and stops all when one ends.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from honcho.environ import parse_procfile
from honcho.manager import Manager

from deploy.dagster_home import local_home, prepare_dagster_home
from deploy.embedded.engines import plan_engines
from deploy.settings import REPOSITORY, SettingsError, load_settings, read_environment

PROCFILE = REPOSITORY / "Procfile"
_ENGINES = "engines"


def main() -> int:
    """Run until interrupted; return the exit code."""
    try:
        variables = read_environment()
        embedded = not ("CLICKHOUSE_HOST" in variables or "DB_HOST" in variables)
        if embedded:
            variables |= plan_engines(local_home(variables)).environment()
        load_settings(variables)
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    environment = {
        **os.environ,
        **{name: value for name, value in variables.items() if not name.endswith("_FILE")},
        "DAGSTER_HOME": str(prepare_dagster_home(variables)),
        "DAGSTER_PORT": variables.get("DAGSTER_PORT", "3000"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONUNBUFFERED": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    _print_addresses(environment, embedded=embedded)
    manager = Manager()
    for name, command in parse_procfile(PROCFILE.read_text(encoding="utf-8")).processes.items():
        if embedded or name != _ENGINES:
            manager.add_process(name, command, env=environment, cwd=str(REPOSITORY))
    manager.loop()
    # Ended by Ctrl-C or SIGTERM is ended as asked.
    return 0 if manager.returncode in (None, 0, 130, -2, -15, 143) else 1


def _print_addresses(environment: dict[str, str], *, embedded: bool) -> None:
    print(
        f"Dagster     http://127.0.0.1:{environment['DAGSTER_PORT']}   (runs, assets, backfills; nightly at 02:00 UTC)"
    )
    print(f"ClickHouse  http://{environment['CLICKHOUSE_HOST']}:{environment.get('CLICKHOUSE_PORT', '8123')}")
    print(
        f"PostgreSQL  {environment['DB_HOST']}:{environment.get('DB_PORT', '5432')}, database {environment['DB_NAME']}"
    )
    if embedded:
        print(f"login {environment['DB_USERNAME']}; the password lies in {local_home() / 'password'}")
    print("Ctrl-C stops everything.\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
