"""Brings a warehouse up to date step by step, for tests that look in between: extraction, and dbt without its tests.

The nightly job itself belongs to `Company`.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from io import StringIO
from multiprocessing import get_context
from pathlib import Path

from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest

from deploy.settings import REPOSITORY, ClickHouseSettings
from orchestration.extraction.canonical import CANONICAL_TABLES
from orchestration.extraction.load import load_table
from orchestration.extraction.mapping import load_mapping
from orchestration.extraction.reconciliation import reconcile_table
from orchestration.extraction.replica import Warehouse
from orchestration.extraction.source_catalog import Connection
from orchestration.resources import now_for_dbt


def extract(crm: Connection, warehouse: Warehouse) -> None:
    """Bring every replica up to date, rows that vanished without a word included."""
    mapping = load_mapping("demo")
    for table in CANONICAL_TABLES:
        load_table(crm, warehouse, mapping, table, run_id="test")
        reconcile_table(crm, warehouse, mapping, table, run_id="test")


@dataclass(frozen=True)
class Built:
    """How dbt ended, and what it printed."""

    succeeded: bool
    output: str


def build(access: ClickHouseSettings, folder: Path, as_of: datetime, *arguments: str) -> None:
    """Build all models without their tests."""
    built = build_and_test(access, folder, as_of, *arguments, "--exclude-resource-type", "test")
    assert built.succeeded, built.output[-4000:]


def build_and_test(access: ClickHouseSettings, folder: Path, as_of: datetime, *arguments: str) -> Built:
    """Build and test all models, or those that the arguments select.

    By a process that has parsed the project: a start of dbt takes as long as all models of a small company.
    """
    dbt = _dbt_process(access.host, access.port, access.cluster)
    environment = access.environment() | now_for_dbt(as_of)
    return dbt.submit(_run_dbt, environment, folder, arguments).result(timeout=900)


@cache
def _dbt_process(host: str, port: int, cluster: str) -> ProcessPoolExecutor:
    """Start a process for one engine: dbt-clickhouse remembers which databases there are, for as long as it lives."""
    return ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn"))


def _run_dbt(environment: dict[str, str], folder: Path, arguments: tuple[str, ...]) -> Built:
    os.environ.update(environment)
    project = str(REPOSITORY / "dbt_project")
    options = ["--project-dir", project, "--profiles-dir", project]
    options += ["--target-path", str(folder), "--log-path", str(folder), "--no-write-json"]
    with redirect_stdout(StringIO()) as output:
        runner = dbtRunner(_parsed_project(tuple(options)))
        finished = runner.invoke(["build", *arguments, "--exclude-resource-type", "unit_test", *options])
    return Built(finished.success, output.getvalue() + str(finished.exception or ""))


@cache
def _parsed_project(options: tuple[str, ...]) -> Manifest:
    parsed = dbtRunner().invoke(["parse", *options])
    assert isinstance(parsed.result, Manifest), parsed.exception
    return parsed.result
