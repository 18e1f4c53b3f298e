"""The console output of a run: one line per finished step, instead of Dagster's full event stream.

The full stream stays in Dagster's event log and in its UI. Errors are printed whole.
"""

from __future__ import annotations

import io
import logging
import re
import sys
from typing import Any, TextIO

from dagster import DagsterEvent, InitLoggerContext, LoggerDefinition

PROOF = "replica_equals_crm"
"""The one check that is worth a line each night even when it passes."""

_LONG_STEPS = "ml__"
"""Begin of the names of steps that take minutes and say how far they are."""

_EVENTS_ATTRIBUTE = "dagster_meta"
_PROBLEM = re.compile(r"\b(?:WARN|ERROR|FAIL|Failure|Error)\b")


class ProgressFormatter(logging.Formatter):
    """Turns a Dagster log record into one short line, or into nothing for events of no interest to a reader."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for `record`; empty where the console stays silent."""
        meta: dict[str, Any] = getattr(record, _EVENTS_ATTRIBUTE, {})
        event: DagsterEvent | None = meta.get("dagster_event")
        if event is None:
            message = str(meta.get("orig_message") or record.getMessage())
            is_progress = str(meta.get("step_key") or "").startswith(_LONG_STEPS) and record.levelno >= logging.INFO
            return f"  {message}" if is_progress or record.levelno >= logging.WARNING else ""
        return describe_event(event)


class _QuietWhenEmpty(logging.StreamHandler[Any]):
    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        if line:
            self.stream.write(line + "\n")
            self.stream.flush()


class ProblemLines(io.TextIOBase):
    """Passes on what dbt prints about problems; that a model started or a test passed stands in Dagster's log."""

    def __init__(self, target: TextIO) -> None:
        """Write to `target`."""
        self._target = target

    def write(self, text: str) -> int:
        """Write `text` if it speaks of a warning, an error or a failed test."""
        if _PROBLEM.search(text):
            self._target.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush the target."""
        self._target.flush()


def describe_event(event: DagsterEvent) -> str:
    """Return the console line of a Dagster event, or an empty string."""
    if event.is_step_materialization:
        materialization = event.step_materialization_data.materialization
        name = materialization.asset_key.to_user_string() if materialization.asset_key else "?"
        figures = {key: value.value for key, value in materialization.metadata.items()}
        return f"  {name:<42}{_rows(figures):>16}{_seconds(figures):>10}"
    if event.is_step_failure:
        return f"  FAILED {event.step_key}: {event.step_failure_data.error_display_string.strip().splitlines()[0]}"
    if event.event_type_value == "ASSET_CHECK_EVALUATION":
        evaluation = event.asset_check_evaluation_data
        name = evaluation.asset_key.to_user_string()
        if not evaluation.passed:
            told = f": {evaluation.description.splitlines()[0]}" if evaluation.description else ""
            return f"  CHECK {evaluation.severity.value}: {name} {evaluation.check_name}{told}"
        if evaluation.check_name == PROOF:
            return f"  {name:<42}  {evaluation.description}"
    return ""


def _rows(figures: dict[str, Any]) -> str:
    rows = figures.get("dagster/row_count", figures.get("rows"))
    return f"{rows:,} rows" if isinstance(rows, int) else ""


def _seconds(figures: dict[str, Any]) -> str:
    seconds = figures.get("seconds", figures.get("Execution Duration"))
    return f"{seconds:.2f} s" if isinstance(seconds, float) else ""


def _build_logger(_: InitLoggerContext) -> logging.Logger:
    # Events arrive at DEBUG; the formatter decides which of them a reader sees.
    result = logging.Logger("crm-analytics", level=logging.DEBUG)
    # Not sys.stdout: during a run that is where dbt's own lines are filtered.
    handler = _QuietWhenEmpty(sys.__stdout__)
    handler.setFormatter(ProgressFormatter())
    result.addHandler(handler)
    return result


progress_logger = LoggerDefinition(_build_logger, description="One line per finished step.")
