"""What is known of one run of one task for one tenant and day, as `ml.model_runs` keeps it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

import pandas as pd


@dataclass(frozen=True)
class Computed:
    """What a task made of one tenant's data.

    Attributes:
        frames: rows by table of `ml`.
        data_hash: of the data that was read; equal data give an equal hash.
        versions: of the libraries that decide the figures.
        parameters: as JSON.
        metrics: figures of quality, by name.
        plots: PNG by name.
        cpu_seconds: that it took.
    """

    frames: Mapping[str, pd.DataFrame]
    data_hash: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    parameters: str = "{}"
    metrics: Mapping[str, float] = field(default_factory=dict)
    plots: Mapping[str, bytes] = field(default_factory=dict)
    cpu_seconds: float = 0.0


@dataclass(frozen=True)
class ModelRun:
    """One attempt: what came of it, or why nothing did.

    Attributes:
        task: for example `sales_forecast`.
        tenant_id: whose data.
        as_of: the day that it stands on; nothing of that day or later was read.
        started_at: aware.
        dagster_run_id: the run of Dagster that it belongs to.
        computed: None where it failed.
        error: empty where it succeeded; else one line.
        written: rows by table of `ml`, once they are there.
        finished_at: aware; the newest run that succeeded is the one that counts.
        run_id: its own.
    """

    task: str
    tenant_id: str
    as_of: date
    started_at: datetime
    dagster_run_id: str
    computed: Computed | None
    error: str = ""
    written: Mapping[str, int] = field(default_factory=dict)
    finished_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def succeeded(self) -> bool:
        """Whether there are rows."""
        return self.computed is not None

    @property
    def seconds(self) -> float:
        """Wall time from the start of its computation to its end."""
        return (self.finished_at - self.started_at).total_seconds()

    def without_rows(self) -> ModelRun:
        """Return the run as it is remembered once its rows are in the warehouse."""
        if self.computed is None:
            return self
        written = {table: len(frame) for table, frame in self.computed.frames.items()}
        return replace(self, computed=replace(self.computed, frames={}), written=written)

    def row(self) -> list[object]:
        """Return its row of `model_runs`, in the order of `tables.RUN_COLUMNS`."""
        found = self.computed or Computed(frames={})
        return [
            self.run_id,
            self.task,
            self.tenant_id,
            self.as_of,
            "succeeded" if self.succeeded else "failed",
            self.error,
            sum(map(len, found.frames.values())),
            found.data_hash,
            dict(found.versions),
            found.parameters,
            dict(found.metrics),
            self.seconds,
            found.cpu_seconds,
            self.started_at,
            self.finished_at,
            self.dagster_run_id,
        ]
