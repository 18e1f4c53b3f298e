"""Renders results: tables for the terminal, and the same tables as Markdown between two marks of a document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.peers.results import Contender, Limit, Measured, Results, Step, cpu, limits, peak, seconds

BEGIN = "<!-- results: written by `make bench-extraction ARGS=--write-docs` -->"
END = "<!-- end of results -->"


@dataclass(frozen=True, slots=True)
class Section:
    """A table: its title, its columns (those after the first are numbers where `numeric` says so), its rows."""

    title: str
    columns: tuple[str, ...]
    numeric: frozenset[int]
    rows: tuple[tuple[str, ...], ...]


def sections(results: Results) -> list[Section]:
    """Return the tables of a run: the limits, the whole table, and the smaller jobs."""
    return [
        Section(
            "Limits",
            ("what", "limit", "measured", "verdict"),
            frozenset(),
            tuple(_limit_row(limit) for limit in limits(results)),
        ),
        Section(
            f"The whole table, {results.rows:,} deals of 16 columns",
            ("contender", "s", "CPU s", "x base", "worker", "PostgreSQL", "ClickHouse", "later", "peak MB", "copy"),
            frozenset(range(1, 9)),
            tuple(_contender_row(results, contender) for contender in results.contenders),
        ),
        Section(
            "Loads of changes, and reconciliation",
            ("job", "s", "CPU s", "worker", "PostgreSQL", "ClickHouse", "peak MB", "found"),
            frozenset(range(1, 7)),
            tuple(
                _step_row(step)
                for step in (
                    results.quiet_small,
                    results.quiet,
                    results.changed,
                    results.reconciled_quiet,
                    results.reconciled_damaged,
                )
            ),
        ),
    ]


def describe(results: Results) -> str:
    """Return one line on the machine, the date and the versions."""
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    return (
        f"{results.measured_on}, {results.cores} cores, {results.memory_gib:.0f} GiB of memory, "
        f"load average {results.load_average:.1f} before the run. {versions}."
    )


def print_results(results: Results) -> None:
    """Print every table."""
    console = Console(highlight=False, width=170)
    console.print(describe(results), soft_wrap=True)
    for section in sections(results):
        table = Table(title=section.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
        for index, column in enumerate(section.columns):
            table.add_column(column, justify="right" if index in section.numeric else "left")
        for row in section.rows:
            table.add_row(*row)
        console.print(table)


def markdown(results: Results) -> str:
    """Return the tables as Markdown."""
    parts = [describe(results)]
    for section in sections(results):
        rules = ["---:" if index in section.numeric else "---" for index in range(len(section.columns))]
        rows = [section.columns, rules, *section.rows]
        parts.append(f"### {section.title}\n" + "\n".join(_markdown_row(row) for row in rows))
    return "\n\n".join(parts)


def write_between_marks(document: Path, results: Results) -> None:
    """Replace what stands between the marks of a document.

    Raises:
        ValueError: the document has no such marks.
    """
    text = document.read_text(encoding="utf-8")
    head, found, rest = text.partition(BEGIN)
    _, closed, tail = rest.partition(END)
    if not found or not closed:
        raise ValueError(f"{document} lacks the marks that results are written between")
    document.write_text(f"{head}{BEGIN}\n{markdown(results)}\n{END}{tail}", encoding="utf-8")


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


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
