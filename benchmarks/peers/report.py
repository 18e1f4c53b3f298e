"""Tells results: tables of the limits, the whole table, and the smaller jobs."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.peers.results import Contender, Limit, Measured, Results, Step, cpu, limits, peak, seconds
from benchmarks.report_tables import Column, Report


def report(results: Results) -> Report:
    """Return the heading and the tables of a run."""
    return Report(
        describe(results),
        (
            (
                "Limits",
                _columns(
                    ("what", "limit", "measured", "verdict"),
                    (_limit_row(limit) for limit in limits(results)),
                    texts=("limit", "measured", "verdict"),
                ),
            ),
            (
                f"The whole table, {results.rows:,} deals of 16 columns",
                _columns(
                    ("contender", "s", "CPU s", "x base", "worker", "PostgreSQL", "ClickHouse", "later", "peak MB",
                     "copy"),
                    (_contender_row(results, contender) for contender in results.contenders),
                    texts=("copy",),
                ),
            ),
            (
                "Loads of changes, and reconciliation",
                _columns(
                    ("job", "s", "CPU s", "worker", "PostgreSQL", "ClickHouse", "peak MB", "found"),
                    (
                        _step_row(step)
                        for step in (
                            results.quiet_small,
                            results.quiet,
                            results.changed,
                            results.reconciled_quiet,
                            results.reconciled_damaged,
                        )
                    ),
                    texts=("found",),
                ),
            ),
        ),
    )  # fmt: skip


def describe(results: Results) -> str:
    """Return one line on the machine, the date and the versions."""
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    return (
        f"{results.measured_on}, {results.cores} cores, {results.memory_gib:.0f} GiB of memory, "
        f"load average {results.load_average:.1f} before the run. {versions}."
    )


def _columns(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]], *, texts: tuple[str, ...]) -> tuple[Column, ...]:
    return tuple(
        Column(title, values, is_text=title in texts)
        for title, values in zip(titles, zip(*rows, strict=True), strict=True)
    )


def _limit_row(limit: Limit) -> tuple[str, ...]:
    return limit.what, limit.limit, limit.measured, limit.verdict


def _contender_row(results: Results, contender: Contender) -> tuple[str, ...]:
    if contender.failed:
        return contender.title, *[""] * 8, f"failed: {contender.failed}"
    ratio = results.cpu_ratio(contender)
    runs = contender.runs
    copy = f"wrong: {contender.wrong}" if contender.wrong else "exact" if contender.compared else ""
    return (
        contender.title,
        _number(seconds(runs)),
        _number(cpu(runs)),
        "" if ratio is None else f"{ratio:.2f}",
        *_parts(runs),
        _number(_middle(runs, "later_cpu")),
        _number(peak(runs), 0),
        copy,
    )


def _step_row(step: Step) -> tuple[str, ...]:
    if step.failed:
        return step.title, *[""] * 6, f"failed: {step.failed}"
    runs = step.runs
    found = f"{step.said}; wrong: {step.wrong}" if step.wrong else f"{step.said}; exact afterwards"
    return step.title, _number(seconds(runs), 2), _number(cpu(runs), 2), *_parts(runs, 2), _number(peak(runs), 0), found


def _parts(runs: tuple[Measured, ...], digits: int = 1) -> tuple[str, str, str]:
    worker, postgres, clickhouse = (
        _number(_middle(runs, name), digits) for name in ("worker_cpu", "postgres_cpu", "clickhouse_cpu")
    )
    return worker, postgres, clickhouse


def _middle(runs: tuple[Measured, ...], name: str) -> float | None:
    values = sorted(getattr(run, name) for run in runs)
    return values[len(values) // 2] if values else None


def _number(value: float | None, digits: int = 1) -> str:
    return "" if value is None else f"{value:,.{digits}f}"
