"""The command line of the pipeline: `python -m orchestration run [nightly|hourly|ml_refresh]`, or `doctor`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path

from deploy.connections import ConnectionFailed, connect_clickhouse, connect_postgres
from deploy.dagster_home import prepare_dagster_home
from deploy.settings import Settings, SettingsError, load_settings
from orchestration.doctor import command as doctor

BY_DAY = ("ml_refresh", "ml_forecasts", "ml_training")


def main() -> int:
    """Run the command; return the exit code."""
    arguments = _parse_arguments()
    if arguments.command == "doctor":
        return doctor.run(arguments)
    try:
        settings = load_settings()
        _check_databases(settings)
    except (SettingsError, ConnectionFailed) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    os.environ["DAGSTER_HOME"] = str(prepare_dagster_home())
    started = time.monotonic()
    # Dagster and dbt take seconds to import: a wrong setting must not wait for them.
    from orchestration.run import run_job, write_stages

    day = arguments.day or settings.run_moment(datetime.now(UTC)).astimezone(UTC).date()
    partition = day.isoformat() if arguments.job in BY_DAY else None
    outcome = run_job(arguments.job, full_refresh=arguments.full_refresh, partition=partition)
    if arguments.stages:
        write_stages(outcome.stages, arguments.stages)
    for stage in outcome.stages:
        print(f"  {stage.name:<42}{stage.seconds:>25.1f} s")
    if outcome.succeeded:
        print(f"{arguments.job}: done in {time.monotonic() - started:.1f} s")
        return 0
    for problem in outcome.problems:
        print(f"error: {problem}", file=sys.stderr)
    print(f"{arguments.job}: failed; what succeeded stays, the next run takes up the rest", file=sys.stderr)
    return 1


def _check_databases(settings: Settings) -> None:
    connect_postgres(settings.postgres).close()
    connect_clickhouse(settings.clickhouse).close()


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m orchestration", description="Run the pipeline.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run a job to its end in this process")
    run.add_argument("job", nargs="?", choices=("nightly", "hourly", *BY_DAY), default="nightly")
    run.add_argument("--full-refresh", action="store_true", help="load and build everything from scratch")
    run.add_argument(
        "--day", type=date.fromisoformat, help=f"of {', '.join(BY_DAY)}: the day to stand on, by default today (AS_OF)"
    )
    run.add_argument("--stages", type=Path, metavar="FILE", help="write when each stage began and ended, as JSON")
    doctor.add_arguments(
        commands.add_parser(
            "doctor",
            help="examine the CRM before the first run; exit code 1 when a run would fail or a report be wrong",
        )
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
