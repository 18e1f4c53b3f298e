"""The unit tests that stand beside the models, on a real ClickHouse."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from deploy.settings import REPOSITORY
from tests.integration.pipeline.conftest import Company


def test_dbt_unit_tests_pass(company: Company, tmp_path: Path) -> None:
    finished = subprocess.run(
        [
            str(Path(sys.executable).parent / "dbt"), "test", "--select", "test_type:unit",
            "--project-dir", "dbt_project", "--profiles-dir", "dbt_project", "--target-path", str(tmp_path),
        ],
        cwd=REPOSITORY,
        env={**os.environ, **company.environment()},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout
    assert "PASS=0" not in finished.stdout
