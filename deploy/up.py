"""`make up`: the engines, Dagster and Superset in the foreground until Ctrl-C: `python -m deploy.up`.

Where the environment or `.env` names databases (CLICKHOUSE_HOST and DB_HOST), Dagster and Superset work on these and no
engine is started. SUPERSET_ENABLED=false leaves Superset out, for those who run it elsewhere; SUPERSET_REPORTS=true
adds the worker and the clock of scheduled reports. The processes themselves are listed in the Procfile; honcho runs
them and stops all when one ends.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from honcho.environ import parse_procfile
from honcho.manager import Manager

from deploy.dagster_home import local_home, prepare_dagster_home
from deploy.embedded.engines import plan_engines
from deploy.settings import (
    REPOSITORY,
    SettingsError,
    load_report_settings,
    load_settings,
    load_superset_settings,
    read_environment,
)
from deploy.superset.environment import embedded_variables, superset_home
from deploy.superset.server import SupersetStartError
from deploy.superset.server import python as superset_python

PROCFILE = REPOSITORY / "Procfile"
_ENGINES = "engines"
_SUPERSET = "superset"
_REPORTS = ("superset_worker", "superset_beat")


def main() -> int:
    """Run until interrupted; return the exit code."""
    try:
        variables = read_environment()
        embedded = not ("CLICKHOUSE_HOST" in variables or "DB_HOST" in variables)
        if embedded:
            variables |= plan_engines(local_home(variables)).environment()
        load_settings(variables)
        with_superset = _switched_on(variables, "SUPERSET_ENABLED", default=True)
        if with_superset:
            if embedded:
                variables |= embedded_variables(variables)
            load_superset_settings(variables)
            superset_python()
        with_reports = with_superset and load_report_settings(variables).scheduled
    except (SettingsError, SupersetStartError) as error:
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
    _print_addresses(environment, embedded=embedded, with_superset=with_superset)
    left_out = {
        *([] if embedded else [_ENGINES]),
        *([] if with_superset else [_SUPERSET]),
        *([] if with_reports else _REPORTS),
    }
    manager = Manager()
    for name, command in parse_procfile(PROCFILE.read_text(encoding="utf-8")).processes.items():
        if name not in left_out:
            manager.add_process(name, command, env=environment, cwd=str(REPOSITORY))
    manager.loop()
    # Ended by Ctrl-C or SIGTERM is ended as asked.
    return 0 if manager.returncode in (None, 0, 130, -2, -15, 143) else 1


def _switched_on(variables: dict[str, str], name: str, *, default: bool) -> bool:
    value = variables.get(name, str(default)).lower()
    if value not in ("true", "false"):
        raise SettingsError(f"{name}: true or false")
    return value == "true"


def _print_addresses(environment: dict[str, str], *, embedded: bool, with_superset: bool) -> None:
    print(
        f"Dagster     http://127.0.0.1:{environment['DAGSTER_PORT']}   (runs, assets, backfills; nightly at 02:00 UTC)"
    )
    if with_superset:
        print(f"Superset    {load_superset_settings(environment).address}   (dashboards)")
    print(f"ClickHouse  http://{environment['CLICKHOUSE_HOST']}:{environment.get('CLICKHOUSE_PORT', '8123')}")
    print(
        f"PostgreSQL  {environment['DB_HOST']}:{environment.get('DB_PORT', '5432')}, database {environment['DB_NAME']}"
    )
    if embedded:
        print(f"login {environment['DB_USERNAME']}; the password lies in {local_home() / 'password'}")
        if with_superset:
            print(f"Superset's login admin; the password lies in {superset_home() / 'admin_password'}")
    print("Ctrl-C stops everything.\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
