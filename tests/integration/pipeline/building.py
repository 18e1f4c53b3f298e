"""Brings a warehouse up to date step by step, for tests that look in between: extraction, and dbt without its tests.

The nightly job itself belongs to `Company`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

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


def build(access: ClickHouseSettings, folder: Path, as_of: datetime, *arguments: str) -> None:
    """Build all models without their tests."""
    finished = build_and_test(access, folder, as_of, *arguments, "--exclude-resource-type", "test")
    assert finished.returncode == 0, finished.stdout[-4000:]


def build_and_test(
    access: ClickHouseSettings, folder: Path, as_of: datetime, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Build and test all models, or those that the arguments select; return how dbt ended."""
    return subprocess.run(
        [
            str(Path(sys.executable).parent / "dbt"), "build", *arguments,
            "--exclude-resource-type", "unit_test",
            "--project-dir", "dbt_project", "--profiles-dir", "dbt_project",
            "--target-path", str(folder), "--log-path", str(folder),
        ],
        cwd=REPOSITORY,
        env={
            **os.environ,
            **access.environment(),
            **now_for_dbt(as_of),
        },
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )  # fmt: skip
