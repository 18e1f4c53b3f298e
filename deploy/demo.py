"""`make demo`: from nothing to the five reports, on embedded engines: `python -m deploy.demo [--deals N]`.

Starts the engines, fills a demo CRM on the first run, runs the nightly job, prints the reports and what each
stage took, and stops what it started. Each step's work belongs to its own package; here is only their order.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from deploy.connections import ConnectionFailed, connect_postgres
from deploy.dagster_home import local_home
from deploy.demo_crm import DEFAULT_DEALS, DEFAULT_SEED, DemoError, fill, play_day, read_generation
from deploy.embedded.engines import EnginePlan, EngineStartError, plan_engines, running_engines
from deploy.settings import REPOSITORY, load_postgres_settings

_NEXT_STEPS = """
What next
  make demo              once more: incremental now, the same numbers
  make demo DAYS=1       let a day pass in the demo CRM first
  make up                the same engines with Dagster's UI and the nightly schedule, after it every model (ml_refresh)
  make reports REPORT_LANGUAGE=ru TENANT=volga
                         the reports again, in Russian, of one tenant (needs make up)
  README.md              how to connect your own CRM; where everything lies
"""


class DemoFailed(Exception):
    """A step of the demo failed; it has said why."""


@dataclass(slots=True)
class Stages:
    """How long each stage took, in order."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Measure the block as the stage `name`, announcing it."""
        print(f"\n== {name}", flush=True)
        started = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - started


def main() -> int:
    """Run the demo; return the exit code."""
    arguments = _parse_arguments()
    started = time.monotonic()
    try:
        stages = _run(local_home(), arguments)
    except (EngineStartError, DemoError, ConnectionFailed) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except DemoFailed:
        return 1
    _print_stages(stages, time.monotonic() - started)
    print(_NEXT_STEPS)
    return 0


def _run(home: Path, arguments: argparse.Namespace) -> Stages:
    stages = Stages()
    plan = plan_engines(home)
    environment = {**os.environ, **plan.environment()}
    with ExitStack() as started:
        # dbt's manifest takes seconds to parse and needs no engine: it is ready when the engines are.
        manifest = started.enter_context(_background(["orchestration.dbt_manifest"], environment))
        with stages.timed("engines"):
            running = started.enter_context(running_engines(plan))
            print(f"  PostgreSQL on {running.postgres.host}:{running.postgres.port}")
            print(f"  ClickHouse on {running.clickhouse.host}:{running.clickhouse.port}")
        with stages.timed("demo CRM"):
            environment["AS_OF"] = _prepare_crm(plan, arguments).isoformat()
        _check(manifest.wait())
        _run_job(stages, environment, "nightly", "extraction, dbt build with tests, checks")
        if arguments.forecasts:
            # All of ml_refresh, with every dimension and candidate, would take minutes.
            quick = {**environment, "ML_PLAN": environment.get("ML_PLAN", "quick")}
            _run_job(stages, quick, "ml_forecasts", "sales and the quarter, by the quick plan (docs/ml-operations.md)")
        with stages.timed("reports"):
            _check(_run_module(["api.reports", *_report_arguments(arguments)], environment))
    return stages


def _prepare_crm(plan: EnginePlan, arguments: argparse.Namespace) -> datetime:
    """Fill the CRM on the first run, let days pass if asked to, and return the moment that is "now" in it."""
    settings = load_postgres_settings(plan.environment())
    with connect_postgres(settings) as connection:
        filled = connection.execute("select to_regclass('public.demo_generation') is not null").fetchone()
        if filled == (True,):
            print("  already filled", flush=True)
        else:
            today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            fill(
                connection,
                seed=DEFAULT_SEED,
                deals=arguments.deals,
                as_of=today,
                replace=False,
                progress=lambda line: print(f"  {line}", flush=True),
            )
        for _ in range(arguments.days):
            played = play_day(connection, stamp="now")
            print(f"  a day passed: now {played.as_of:%Y-%m-%d}", flush=True)
        generation = read_generation(connection)
        print(f"  {generation.deals:,} deals at the start, seed {generation.seed}, as of {generation.as_of:%Y-%m-%d}")
        return generation.as_of


def _run_job(stages: Stages, environment: Mapping[str, str], job: str, does: str) -> None:
    print(f"\n== {job} job: {does}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stages.json"
        started = time.monotonic()
        _check(_run_module(["orchestration", "run", job, "--stages", str(path)], environment))
        elapsed = time.monotonic() - started
        inside = {stage["name"]: stage["ended_at"] - stage["started_at"] for stage in json.loads(path.read_text())}
    for name, seconds in {**inside, "start of Dagster": elapsed - sum(inside.values())}.items():
        stages.seconds[name] = stages.seconds.get(name, 0.0) + seconds


def _run_module(arguments: list[str], environment: Mapping[str, str]) -> int:
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=REPOSITORY, env=dict(environment), check=False
    ).returncode


@contextmanager
def _background(arguments: list[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", *arguments], cwd=REPOSITORY, env=dict(environment))
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _report_arguments(arguments: argparse.Namespace) -> list[str]:
    return ["--language", arguments.language] if arguments.language else []


def _check(exit_code: int) -> None:
    if exit_code:
        raise DemoFailed


def _print_stages(stages: Stages, total: float) -> None:
    table = Table(
        title="What each stage took", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, show_footer=True
    )
    table.add_column("Stage", footer="Total")
    table.add_column("Seconds", footer=f"{total:.1f}", justify="right")
    for name, seconds in stages.seconds.items():
        table.add_row(name, f"{seconds:.1f}")
    Console(highlight=False).print(table)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.demo", description="From nothing to the five reports.")
    parser.add_argument("--deals", type=int, default=DEFAULT_DEALS, help="size of the demo CRM, on the first run")
    parser.add_argument("--days", type=int, default=0, help="days that pass in the demo CRM before the job")
    parser.add_argument(
        "--forecasts", action=argparse.BooleanOptionalAction, default=True, help="forecast sales, too (default: yes)"
    )
    parser.add_argument("--language", choices=("en", "ru"), help="of the reports; by default that of the terminal")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
