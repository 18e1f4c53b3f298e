"""Keeps the pictures of a run as files, for whoever looks at them outside of Dagster; `ml_assets` draws them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from orchestration.ml.model_run import ModelRun

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture of one tenant, with where it lies."""

    tenant_id: str
    name: str
    png: bytes
    path: Path


def keep_plots(folder: Path, runs: Iterable[ModelRun]) -> list[Plot]:
    """Write the pictures below `folder`, by task and tenant; those of the run before are replaced."""
    kept = []
    for run in runs:
        for name, png in (run.computed.plots if run.computed else {}).items():
            path = folder / run.task / _UNSAFE.sub("_", run.tenant_id) / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png)
            kept.append(Plot(run.tenant_id, name, png, path))
    return kept
