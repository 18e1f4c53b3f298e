"""What the Dagster UI shows of runs of models: figures per tenant, pictures, and what failed."""

import base64
from collections.abc import Sequence
from typing import Any

from dagster import AssetCheckSeverity, MetadataValue, TableColumn, TableRecord, TableSchema

from orchestration.ml.model_run import ModelRun
from orchestration.ml.plots import Plot

# Pictures live in Dagster's event log: those of a few tenants are enough there, all of them lie in files.
_PICTURES = 6


def run_metadata(table: str, runs: Sequence[ModelRun], plots: Sequence[Plot]) -> dict[str, Any]:
    """Return the metadata of one table that the runs filled."""
    rows = [run.written.get(table, 0) for run in runs]
    metadata: dict[str, Any] = {
        "dagster/row_count": sum(rows),
        "tenants": len({run.tenant_id for run in runs}),
        "failed": sum(not run.succeeded for run in runs),
        "as_of": ", ".join(sorted({str(run.as_of) for run in runs})),
        "seconds": MetadataValue.float(round(_seconds(runs), 1)),
        "cpu_seconds": MetadataValue.float(round(sum(run.computed.cpu_seconds for run in runs if run.computed), 1)),
        "by_tenant": MetadataValue.table(_records(runs, rows), schema=_schema(runs)),
    }
    if plots:
        metadata["plots"] = MetadataValue.path(plots[0].path.parent.parent)
        metadata |= {f"{plot.name} {plot.tenant_id}": picture(plot) for plot in plots[:_PICTURES]}
    return metadata


def picture(plot: Plot) -> MetadataValue:
    """Return a PNG as the UI shows it."""
    return MetadataValue.md(f"![{plot.name}](data:image/png;base64,{base64.b64encode(plot.png).decode()})")


def run_outcome(runs: Sequence[ModelRun]) -> tuple[bool, AssetCheckSeverity, str]:
    """Return the answer to the question whether every tenant succeeded: passed, severity, description."""
    failed = [run for run in runs if not run.succeeded]
    if not failed:
        return True, AssetCheckSeverity.WARN, f"{len({run.tenant_id for run in runs})} tenants"
    told = "; ".join(f"{run.tenant_id}, {run.as_of}: {run.error}" for run in failed)
    return False, AssetCheckSeverity.WARN, f"{len(failed)} of {len(runs)} runs failed: {told}"


def _seconds(runs: Sequence[ModelRun]) -> float:
    if not runs:
        return 0.0
    return (max(run.finished_at for run in runs) - min(run.started_at for run in runs)).total_seconds()


def _metric_names(runs: Sequence[ModelRun]) -> list[str]:
    return list(dict.fromkeys(name for run in runs if run.computed for name in run.computed.metrics))


def _schema(runs: Sequence[ModelRun]) -> TableSchema:
    columns = ["tenant", "as_of", "status", "rows", "seconds", *_metric_names(runs), "error"]
    return TableSchema(columns=[TableColumn(name) for name in columns])


def _records(runs: Sequence[ModelRun], rows: Sequence[int]) -> list[TableRecord]:
    return [
        TableRecord(
            {
                "tenant": run.tenant_id,
                "as_of": run.as_of.isoformat(),
                "status": "succeeded" if run.succeeded else "failed",
                "rows": written,
                "seconds": round(run.seconds, 1),
                **{
                    name: round(run.computed.metrics[name], 4) if run.computed and name in run.computed.metrics else ""
                    for name in _metric_names(runs)
                },
                "error": run.error,
            }
        )
        for run, written in zip(runs, rows, strict=True)
    ]
