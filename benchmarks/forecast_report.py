"""The tables of `benchmarks.forecast`: limits, one per sample, their place in the document. Nothing is measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.forecast_data import Task
from benchmarks.forecast_peers import Answer

OURS = "**ours, as published**"
UNGATED = "ours without the gate"
_NAIVE = "seasonal naive"
_MASE_LIMITS = {"short": 0.84, "tourism": 0.90, "m3": 0.66}
_COVERAGE = (0.93, 0.97)
_CPU_SECONDS = 2.5
_LEVEL = 1.01
_PENALTY = 2 / 0.05


@dataclass(frozen=True)
class Measured:
    """One contender on one series; errors and widths in units of the series' seasonal naive error."""

    contender: str
    sample: str
    mase: float
    covered: float
    interval_score: float
    cpu_seconds: float
    fallback: bool

    @classmethod
    def of(cls, contender: str, task: Task, found: Answer) -> Measured:
        """Compare an answer with what came."""
        point, lower, upper = np.array(found.point), np.array(found.lower), np.array(found.upper)
        outside = np.maximum(lower - task.future, 0) + np.maximum(task.future - upper, 0)
        return cls(
            contender=contender,
            sample=task.sample,
            mase=float(np.mean(np.abs(point - task.future))) / task.scale,
            covered=float(np.mean(outside == 0)),
            interval_score=float(np.mean(upper - lower + _PENALTY * outside)) / task.scale,
            cpu_seconds=found.cpu_seconds,
            fallback=found.fallback,
        )


def render(measured: pd.DataFrame) -> str:
    """The limits first, then a table per sample."""
    tables = {sample: _summary(rows) for sample, rows in measured.groupby("sample", sort=False)}
    return "\n\n".join([_limits(tables), *(_table(str(name), table) for name, table in tables.items())])


def _summary(rows: pd.DataFrame) -> pd.DataFrame:
    grouped = rows.groupby("contender", sort=False)
    found: pd.DataFrame = grouped[["mase", "covered", "interval_score", "cpu_seconds"]].mean()
    found["series"], found["fallbacks"] = grouped.size(), grouped["fallback"].sum()
    ours = rows[rows["contender"] == OURS]["mase"].to_numpy()
    # Differences on the same series: how sure the sign of a difference is.
    found["doubt"] = grouped["mase"].apply(lambda each: float(np.std(each.to_numpy() - ours) / np.sqrt(len(ours))))
    found["against_ours"] = found["mase"] / found.loc[OURS, "mase"]
    return found


def _table(sample: str, table: pd.DataFrame) -> str:
    lines = [
        f"### {sample}: {int(table['series'].iloc[0])} series",
        "| contender | MASE | x ours | difference | 95 % band covers | interval score | CPU s | fell back |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    ours = table.loc[OURS, "mase"]
    for name, row in table.iterrows():
        difference = "" if name == OURS else f"{row['mase'] - ours:+.3f} ± {2 * row['doubt']:.3f}"
        lines.append(
            f"| {name} | {row['mase']:.3f} | {row['against_ours']:.2f} | {difference} | {row['covered']:.3f} "
            f"| {row['interval_score']:.2f} | {row['cpu_seconds']:.2f} | {int(row['fallbacks'])} |"
        )
    return "\n".join(lines)


def _limits(tables: dict[object, pd.DataFrame]) -> str:
    lines = ["### Limits", "| what | limit | measured | verdict |", "| --- | --- | --- | --- |"]
    for sample, table in tables.items():
        ours = table.loc[OURS]
        limit, naive = _MASE_LIMITS[str(sample)], table["mase"].get(_NAIVE, float("nan"))
        lines.append(
            f"| {sample}: MASE | at most {limit} | {ours['mase']:.3f} ({ours['mase'] / naive:.2f} x seasonal naive) "
            f"| {_verdict(ours['mase'] <= limit)} |"
        )
        low, high = _COVERAGE
        lines.append(
            f"| {sample}: 95 % band covers | {low} to {high} | {ours['covered']:.3f} "
            f"| {_verdict(low <= ours['covered'] <= high)} |"
        )
        lines += _against_peers(str(sample), table)
        lines.append(
            f"| {sample}: CPU seconds per series | at most {_CPU_SECONDS} | {ours['cpu_seconds']:.2f} "
            f"| {_verdict(ours['cpu_seconds'] <= _CPU_SECONDS)} |"
        )
    return "\n".join(lines)


def _against_peers(sample: str, table: pd.DataFrame) -> list[str]:
    peers = table.drop(index=[OURS, UNGATED])
    if peers.empty:
        return []
    best = peers["against_ours"].idxmin()
    ratio = float(peers["against_ours"].min())
    limit, met = ("level or ahead", ratio * _LEVEL >= 1) if sample == "m3" else ("ahead of all peers", ratio > 1)
    return [f"| {sample}: MASE of the best peer | {limit} | {ratio:.2f} x ours ({best}) | {_verdict(met)} |"]


def _verdict(met: bool) -> str:
    return "met" if met else "missed"
