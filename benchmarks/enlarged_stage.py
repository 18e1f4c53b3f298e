"""Engines that hold a large CRM's replicas, kept in a folder or thrown away, and the build of the models on them."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.enlarged_crm import Enlargement, fill_enlarged, plan_enlargement
from deploy.connections import connect_clickhouse, connect_postgres
from deploy.embedded.engines import plan_engines, running_engines
from deploy.settings import load_clickhouse_settings, load_postgres_settings
from orchestration.dbt_manifest import PROJECT_FOLDER
from orchestration.defs.dbt.assets import build_arguments
from orchestration.extraction.replica import Warehouse
from orchestration.extraction.source_catalog import Connection
from orchestration.resources import now_for_dbt

_FILLED = "filled.json"


@dataclass(frozen=True, slots=True)
class Stage:
    """Engines that run, and the large CRM in them.

    Attributes:
        home: folder of the engines.
        environment: the variables that lead to them.
        crm: a connection to the CRM.
        warehouse: the account that may do everything.
        enlargement: how the CRM became large.
        clickhouse_pid: process of the warehouse.
        memory_gib: what the warehouse may use.
        threads: models built at once.
    """

    home: Path
    environment: dict[str, str]
    crm: Connection
    warehouse: Warehouse
    enlargement: Enlargement
    clickhouse_pid: int
    memory_gib: float
    threads: int


@contextmanager
def running_stage(
    home: Path, *, deals: int, memory_gib: float, threads: int, progress: Callable[[str], None]
) -> Iterator[Stage]:
    """Start the engines of `home` and fill them, unless an earlier run has.

    Raises:
        SystemExit: the folder holds a CRM of another size.
    """
    plan, enlargement, mark = plan_engines(home, {}), plan_enlargement(deals), home / _FILLED
    with running_engines(plan, max_memory=int(memory_gib * (1 << 30))) as engines:
        environment = {**plan.environment(), "DBT_THREADS": str(threads)}
        warehouse = Warehouse(connect_clickhouse(load_clickhouse_settings(environment), send_receive_timeout=3600))
        with connect_postgres(load_postgres_settings(environment)) as crm:
            if not mark.exists():
                fill_enlarged(crm, warehouse, enlargement, progress)
                mark.write_text(enlargement.model_dump_json(), encoding="utf-8")
            elif Enlargement.model_validate_json(mark.read_text(encoding="utf-8")) != enlargement:
                raise SystemExit(f"{home} holds a CRM of another size; name another folder, or delete it")
            yield Stage(home, environment, crm, warehouse, enlargement, engines.clickhouse.pid, memory_gib, threads)


def build_models(stage: Stage, as_of: datetime, *, full_refresh: bool) -> float:
    """Build and test all models as of a moment; return the CPU seconds that dbt used itself.

    The view of today, which refreshes by the clock and not by the night, is kept still.

    Raises:
        SystemExit: dbt failed; with its last lines.
    """
    # The engines are children too, but they are not waited for meanwhile, so they do not count.
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    finished = subprocess.run(
        [
            str(Path(sys.executable).parent / "dbt"), *build_arguments(full_refresh=full_refresh),
            "--project-dir", str(PROJECT_FOLDER), "--profiles-dir", str(PROJECT_FOLDER),
            "--target-path", str(stage.home / "dbt"), "--log-path", str(stage.home / "dbt"),
        ],
        env={
            **os.environ,
            **stage.environment,
            **now_for_dbt(as_of),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "TODAY_REFRESH_SECONDS": "86400",
        },
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    if finished.returncode:
        raise SystemExit(f"dbt failed:\n{finished.stdout[-3000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def row_counts(warehouse: Warehouse, *tables: str) -> dict[str, int]:
    """Return the rows of tables, by their names without the database."""
    return {table.partition(".")[2]: int(warehouse.rows(f"select count() from {table}")[0][0]) for table in tables}


def say(line: str) -> None:
    """Print a line with the time of day: a run takes long."""
    print(f"  {datetime.now(UTC):%H:%M:%S} {line}", flush=True)
