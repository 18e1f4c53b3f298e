"""Whether a night's models are done in time: `make bench-ml`.

Twenty tenants with ten series each (the whole, three departments, four managers, two pipelines), four years of deals,
leads and activities, in a ClickHouse of its own that is deleted again. Every task of `ml_refresh` runs as in the night,
with every candidate model, in two processes; the sum is held against the limit of ten minutes.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.process_usage import UsageSampler
from deploy.connections import connect_clickhouse
from deploy.embedded.clickhouse import start_clickhouse
from deploy.settings import ClickHouseSettings
from orchestration.extraction.replica import Warehouse
from orchestration.ml.anomalies import compute_anomalies, read_anomaly_input
from orchestration.ml.artefacts import ArtefactStore
from orchestration.ml.marts import read_tenants
from orchestration.ml.parallel import Workers
from orchestration.ml.refresh import Task, refresh
from orchestration.ml.sales import (
    ForecastPlan,
    compute_quarter,
    compute_sales,
    read_quarter_input,
    read_sales_input,
)
from orchestration.ml.scores import (
    SUBJECTS,
    compute_scores,
    compute_training,
    read_scoring_input,
    read_training_input,
)
from orchestration.ml.tables import create_ml_tables

LIMIT_SECONDS = 600
TODAY = date(2026, 3, 10)
_PROCESSES = 2
_MARTS = Path(__file__).parent / "ml_marts.sql"
_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Stage:
    """What one task took."""

    name: str
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    rows: int
    failed: int


def main() -> int:
    """Measure a night; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ml_refresh", description=__doc__)
    parser.add_argument("--tenants", type=int, default=20)
    parser.add_argument("--deals", type=int, default=100_000, help="of all tenants together")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="crm-analytics-bench-") as folder:
        stages = list(_measure(Path(folder), arguments.tenants, arguments.deals))
    _print(stages, arguments.tenants)
    return 1 if any(stage.failed for stage in stages) else 0


def _measure(folder: Path, tenants: int, deals: int) -> Iterator[Stage]:
    with (
        start_clickhouse(folder / "clickhouse", user="bench", password="bench-password") as server,
        UsageSampler() as usage,
        Workers(_PROCESSES) as workers,
    ):
        access = {"host": server.host, "port": server.port, "username": "bench", "password": "bench-password"}
        client = connect_clickhouse(ClickHouseSettings.model_validate(access))
        _fill(client, tenants, deals)
        warehouse = Warehouse(client)
        create_ml_tables(warehouse)
        usage.watch("models", os.getpid())
        for task in night_tasks(ArtefactStore(str(folder / "artefacts"))):
            yield _run(warehouse, workers, task, usage)


def _fill(client: Client, tenants: int, deals: int) -> None:
    text = _MARTS.read_text(encoding="utf-8").format(tenants=tenants, deals=deals, today=TODAY)
    for statement in text.split(";\n"):
        client.command(statement)


def night_tasks(store: ArtefactStore) -> Iterator[Task[Any]]:
    """Yield every task of a night, in its order."""
    plan = ForecastPlan(("department", "manager", "pipeline"))
    yield Task("sales_forecast", partial(read_sales_input, plan=plan), compute_sales)
    yield Task("quarter_forecast", partial(read_quarter_input, plan=replace(plan)), compute_quarter)
    yield Task("anomalies", partial(read_anomaly_input, pictures=True), compute_anomalies)
    yield Task("training", partial(read_training_input, store=store), compute_training)
    for subject in SUBJECTS:
        read = partial(read_scoring_input, subject=subject, store=store, pictures=True)
        yield Task(f"{subject}_scores", read, compute_scores)


def _run(warehouse: Warehouse, workers: Workers, task: Task[Any], usage: UsageSampler) -> Stage:
    started = time.time()
    tell: Callable[[str], None] = partial(print, "  ", flush=True)
    runs = refresh(warehouse, workers, task, read_tenants(warehouse), TODAY, dagster_run_id="bench", tell=tell)
    ended = time.time()
    cpu, peak = usage.between(started, ended)["models"]
    rows = sum(sum(run.written.values()) for run in runs)
    return Stage(task.name, ended - started, cpu, peak, rows, sum(not run.succeeded for run in runs))


def _print(stages: list[Stage], tenants: int) -> None:
    total = sum(stage.seconds for stage in stages)
    table = Table(
        title=f"ml_refresh, {tenants} tenants with ten series each, {_PROCESSES} processes",
        box=box.SIMPLE_HEAD,
        show_footer=True,
    )
    share = f"{total / LIMIT_SECONDS:.2f} of the limit of {LIMIT_SECONDS} s"
    cpu, peak = sum(stage.cpu_seconds for stage in stages), max(stage.peak_bytes for stage in stages)
    footers = ("Total", f"{total:.1f}", f"{cpu:.1f}", f"{peak / _MEBIBYTE:,.0f}", "", share)
    for heading, footer in zip(("Task", "Seconds", "CPU s", "Peak MiB", "Rows", "Failed"), footers, strict=True):
        table.add_column(heading, footer=footer, justify="left" if heading == "Task" else "right")
    for stage in stages:
        table.add_row(
            stage.name,
            f"{stage.seconds:.1f}",
            f"{stage.cpu_seconds:.1f}",
            f"{stage.peak_bytes / _MEBIBYTE:,.0f}",
            f"{stage.rows:,}",
            str(stage.failed),
        )
    Console(highlight=False, width=120).print(table)


if __name__ == "__main__":
    raise SystemExit(main())
