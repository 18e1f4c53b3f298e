"""The tables of `benchmarks.churn`: limits, one per split, leads and deals, the quarter. Nothing is measured here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ml_assets.probability.quality import Quality

OURS = "**ours**"
BASELINE = "ours, cold start (BG/NBD silence)"
_LIMITS = (("AUC", "at least 0.806"), ("Brier", "at most 0.105"), ("ECE", "at most 0.02"))


@dataclass(frozen=True)
class Measured:
    """One contender on one split."""

    split: str
    contender: str
    quality: Quality
    cpu_seconds: float


@dataclass(frozen=True)
class QuarterMeasured:
    """Mean absolute errors of one company's backtest as shares of the mean quarter."""

    company: str
    day: str
    tables: float
    learnt: float
    series: float


def render_cdnow(rows: Sequence[Measured]) -> str:
    """The limits first, then a table per split."""
    splits = list(dict.fromkeys(row.split for row in rows))
    parts = [_limits(rows, splits)]
    for split in splits:
        own = [row for row in rows if row.split == split]
        parts.append(
            f"### CDNOW, {split}: {own[0].quality.n:,} customers, {own[0].quality.base_rate:.1%} leave\n" + _table(own)
        )
    return "\n\n".join(parts)


def _limits(rows: Sequence[Measured], splits: list[str]) -> str:
    lines = ["### Limits", "| split | what | limit | measured | verdict |", "| --- | --- | --- | --- | --- |"]
    for split in splits:
        ours = next(row.quality for row in rows if row.split == split and row.contender == OURS)
        figures = (ours.auc or 0.0, ours.brier or 1.0, ours.ece or 0.0)
        met = (figures[0] >= 0.806, figures[1] <= 0.105, figures[2] <= 0.02)
        for (name, limit), figure, good in zip(_LIMITS, figures, met, strict=True):
            lines.append(f"| {split} | {name} | {limit} | {figure:.4f} | {'met' if good else 'missed'} |")
    return "\n".join(lines)


def _table(rows: Sequence[Measured]) -> str:
    ours = next(row.quality for row in rows if row.contender in (OURS, "model"))
    lines = [
        "| contender | AUC | Brier | x ours | ECE | mean chance | CPU s |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        found = row.quality
        ratio = (found.brier or 0.0) / (ours.brier or 1.0)
        lines.append(
            f"| {row.contender} | {found.auc or 0:.4f} | {found.brier:.4f} | {ratio:.2f} | {found.ece:.4f} "
            f"| {found.mean_probability:.3f} | {row.cpu_seconds:.1f} |"
        )
    return "\n".join(lines)


def render_sales(rows: Sequence[Measured]) -> str:
    """Leads and deals of the demo companies: ours beside the usual rates."""
    lines = [
        "### Leads and deals of the demo companies",
        "| company, day | contender | n | base rate | AUC | Brier | ECE | lift | CPU s |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        found = row.quality
        lines.append(
            f"| {row.split} | {row.contender} | {found.n} | {found.base_rate:.1%} | {found.auc or 0:.3f} "
            f"| {found.brier:.4f} | {found.ece:.3f} | {found.lift or 0:.1f} | {row.cpu_seconds:.1f} |"
        )
    return "\n".join(lines)


def render_quarter(rows: Sequence[QuarterMeasured]) -> str:
    """Six quarters of backtest per company."""
    lines = [
        "### The quarter's pipeline forecast: mean absolute error of six quarters, as a share of the mean quarter",
        "| company | day | chances from tables | learnt chances | monthly series |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [f"| {row.company} | {row.day} | {row.tables:.3f} | {row.learnt:.3f} | {row.series:.3f} |" for row in rows]
    return "\n".join(lines)
