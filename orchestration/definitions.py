"""The Dagster code location: everything under `defs/`, with its resources.

`build_defs` is the seam for tests and command lines: it assembles the same location with other resources. Assets,
checks, jobs and schedules belong in `defs/`, never here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagster import Definitions, in_process_executor, load_from_defs_folder

from orchestration.dbt_manifest import dbt_command_line
from orchestration.progress import progress_logger
from orchestration.resources import PipelineResource, ml_workers


def build_defs(resource_overrides: Mapping[str, Any] | None = None) -> Definitions:
    """Return the code location.

    `resource_overrides` replace resources by name: `pipeline`, `dbt`, `ml_workers`.
    """
    resources: dict[str, Any] = {
        "pipeline": PipelineResource(),
        "dbt": dbt_command_line(),
        "ml_workers": ml_workers,
    }
    return Definitions.merge(
        load_from_defs_folder(path_within_project=Path(__file__).parent / "defs"),
        Definitions(
            resources={**resources, **(resource_overrides or {})},
            # Steps are small and share connections: a process per step would cost more than the steps themselves.
            executor=in_process_executor,
            loggers={"console": progress_logger},
        ),
    )


defs = build_defs()
