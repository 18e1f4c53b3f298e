"""Runs a job from the command line in one process, as the daemon would, and reports how it went.

The same job, assets and instance as in the Dagster UI: a run started here is visible there.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from dagster import (
    AssetCheckEvaluation,
    AssetCheckSeverity,
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    ExecuteInProcessResult,
)
from dagster._core.errors import DagsterAssetCheckFailedError
from dagster_shared.error import SerializableErrorInfo

from orchestration.definitions import build_defs
from orchestration.extraction.canonical import CANONICAL_TABLES
from orchestration.ml.tables import tables_of
from orchestration.progress import ProblemLines


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a run: when it began and ended, in Unix seconds."""

    name: str
    started_at: float
    ended_at: float

    @property
    def seconds(self) -> float:
        """Return the wall time of the stage."""
        return self.ended_at - self.started_at


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run went.

    Attributes:
        succeeded: every step and every blocking check passed.
        stages: in the order in which they began.
        problems: one line per failed step, its cause first.
    """

    succeeded: bool
    stages: tuple[Stage, ...]
    problems: tuple[str, ...]


def run_job(name: str, *, full_refresh: bool = False, partition: str | None = None) -> RunOutcome:
    """Execute the job `name` in this process against the instance of DAGSTER_HOME.

    Args:
        name: of the job.
        full_refresh: load and build everything from scratch.
        partition: of a partitioned job, such as the day that models stand on.
    """
    definitions = build_defs()
    job = definitions.resolve_job_def(name)
    with contextlib.redirect_stdout(ProblemLines(sys.stdout)):
        result = job.execute_in_process(
            instance=DagsterInstance.get(),
            partition_key=partition,
            run_config=run_config(job.graph.node_dict, full_refresh=full_refresh),
            raise_on_error=False,
        )
    return outcome_of(result)


def run_config(ops: Iterable[str], *, full_refresh: bool) -> dict[str, object]:
    """Return the run configuration: this location's console output and, if asked for, full refreshes."""
    # Without a logger section Dagster would print every event of its own, instead of what this location prints.
    configuration: dict[str, object] = {"loggers": {"console": {}}}
    if full_refresh:
        refreshable = {"warehouse_models", *(f"crm__{table}" for table in CANONICAL_TABLES)}
        configuration["ops"] = {op: {"config": {"full_refresh": True}} for op in ops if op in refreshable}
    return configuration


def outcome_of(result: ExecuteInProcessResult) -> RunOutcome:
    """Read a finished run's events."""
    events = [entry for entry in result.all_events if entry.step_key]
    return RunOutcome(
        succeeded=result.success,
        stages=tuple(_stages(result)),
        problems=tuple(filter(None, map(_problem, events))),
    )


def write_stages(stages: Iterable[Stage], path: Path) -> None:
    """Write the stages as JSON for the programs that start a run: a list of name, started_at, ended_at."""
    path.write_text(json.dumps([asdict(stage) for stage in stages]), encoding="utf-8")


def stage_of_step(step_key: str) -> str:
    """Return the stage to which a step belongs."""
    if step_key == "quality_suites":
        return "quality"
    if step_key in ("reconciliation", "dashboards"):
        return step_key
    if step_key.startswith("ops__"):
        return step_key.removeprefix("ops__")
    if step_key.startswith("ml__"):
        task = step_key.removeprefix("ml__")
        return task.replace("_", " ") if tables_of(task) else "checks of models"
    return "extraction" if step_key.startswith("crm__") else "dbt build"


def _stages(result: ExecuteInProcessResult) -> list[Stage]:
    windows: dict[str, tuple[float, float]] = {}
    for step_key, moment in _step_records(result):
        name = stage_of_step(step_key)
        started, ended = windows.get(name, (moment, moment))
        windows[name] = (min(started, moment), max(ended, moment))
    by_start = sorted(windows.items(), key=lambda item: item[1])
    return [Stage(name, *window) for name, window in by_start]


def _step_records(result: ExecuteInProcessResult) -> list[tuple[str, float]]:
    # Other events of a step may come long before it starts: resources are prepared for all steps at once.
    bounds = {DagsterEventType.STEP_START, DagsterEventType.STEP_SUCCESS, DagsterEventType.STEP_FAILURE}
    entries = DagsterInstance.get().all_logs(result.run_id, of_type=bounds)
    return [
        (entry.dagster_event.step_key, entry.timestamp)
        for entry in entries
        if entry.dagster_event is not None and entry.dagster_event.step_key is not None
    ]


def _problem(event: DagsterEvent) -> str:
    """Return the line that tells of a failed check or step; empty for any other event."""
    if event.event_type is DagsterEventType.ASSET_CHECK_EVALUATION:
        return _failed_check(event.asset_check_evaluation_data)
    if not event.is_step_failure:
        return ""
    failure = event.step_failure_data.user_failure_data
    if failure is not None and failure.description:
        return f"{event.step_key}: {_first_line(failure.description)}"
    error = event.step_failure_data.error
    cause = _innermost(error) if error else None
    if cause is None or cause.cls_name == DagsterAssetCheckFailedError.__name__:
        # The check has told by itself what is wrong.
        return ""
    return f"{event.step_key}: {_first_line(cause.message)}"


def _failed_check(evaluation: AssetCheckEvaluation) -> str:
    if evaluation.passed or evaluation.severity is not AssetCheckSeverity.ERROR:
        return ""
    failed_rows = evaluation.metadata.get("dagster_dbt/failed_row_count")
    told = evaluation.description or (f"{failed_rows.value} rows fail" if failed_rows else "failed")
    return f"{evaluation.asset_key.to_user_string()}, check {evaluation.check_name}: {_first_line(told)}"


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0]


def _innermost(error: SerializableErrorInfo) -> SerializableErrorInfo:
    return _innermost(error.cause) if error.cause else error
