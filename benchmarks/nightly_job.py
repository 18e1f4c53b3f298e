"""Where the time of the nightly job goes: `make bench`.

For each size: a first night (everything is new), a quiet night (nothing changed) and a night after one played day, with
seconds, CPU seconds and peak memory per stage and process. Engines run on a folder of their own that is deleted again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.process_usage import UsageSampler
from deploy.connections import connect_postgres
from deploy.demo_crm import fill, play_day, read_as_of
from deploy.embedded.engines import plan_engines, running_engines
from deploy.settings import REPOSITORY, load_postgres_settings

_SIZES = (60_000, 1_000_000)
_PROCESSES = ("worker", "clickhouse", "postgres")
_MEBIBYTE = 1024 * 1024


def main() -> int:
    """Measure every size; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nightly_job", description=__doc__)
    parser.add_argument("--deals", type=int, nargs="+", default=list(_SIZES), help="sizes of the demo CRM")
    arguments = parser.parse_args()
    for deals in arguments.deals:
        with tempfile.TemporaryDirectory(prefix="crm-analytics-bench-") as folder:
            _measure(deals, Path(folder))
    return 0


def _measure(deals: int, home: Path) -> None:
    table = _new_table(deals)
    with ExitStack() as running, UsageSampler() as usage:
        plan = plan_engines(home, {})
        engines = running.enter_context(running_engines(plan))
        usage.watch("clickhouse", engines.clickhouse.pid)
        usage.watch("postgres", engines.postgres.pid)
        usage.watch("worker", os.getpid())
        started = time.time()
        connection = running.enter_context(connect_postgres(load_postgres_settings(plan.environment())))
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        fill(connection, deals=deals, as_of=today, progress=lambda line: print(f"  {line}", flush=True))
        _add(table, usage, "setup", "demo CRM", started, time.time())
        for night in ("first night", "quiet night", "night after a day"):
            if night == "night after a day":
                play_day(connection, stamp="now")
            print(f"{night} at {deals:,} deals", flush=True)
            environment = {**plan.environment(), "AS_OF": read_as_of(connection).isoformat()}
            for stage, began, ended in _run_night(home, environment, usage):
                _add(table, usage, night, stage, began, ended)
    Console(highlight=False, width=120).print(table)


def _run_night(home: Path, environment: dict[str, str], usage: UsageSampler) -> list[tuple[str, float, float]]:
    path = home / "stages.json"
    began = time.time()
    with subprocess.Popen(
        [sys.executable, "-m", "orchestration", "run", "nightly", "--stages", str(path)],
        cwd=REPOSITORY,
        env={**os.environ, **environment, "CRM_ANALYTICS_HOME": str(home)},
        stdout=subprocess.DEVNULL,
    ) as worker:
        usage.watch("worker", worker.pid)
    ended = time.time()
    if worker.returncode:
        raise SystemExit("the nightly job failed; its message stands above")
    stages = [(stage["name"], stage["started_at"], stage["ended_at"]) for stage in json.loads(path.read_text())]
    return [*stages, ("whole job", began, ended)]


def _new_table(deals: int) -> Table:
    table = Table(title=f"{deals:,} deals", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    table.add_column("Night", no_wrap=True)
    table.add_column("Stage")
    table.add_column("Seconds", justify="right")
    for process in _PROCESSES:
        table.add_column(f"CPU s, {process}", justify="right")
    for process in _PROCESSES:
        table.add_column(f"Peak MiB, {process}", justify="right")
    return table


def _add(table: Table, usage: UsageSampler, night: str, stage: str, began: float, ended: float) -> None:
    used = usage.between(began, ended)
    table.add_row(
        night,
        stage,
        f"{ended - began:.1f}",
        *(f"{used[process][0]:.1f}" for process in _PROCESSES),
        *(f"{used[process][1] / _MEBIBYTE:,.0f}" for process in _PROCESSES),
    )


if __name__ == "__main__":
    sys.exit(main())
