"""Tables of results, for the terminal and as Markdown between two marks of a document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

END = "<!-- end of results -->"
_WIDTH = 170


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title and its values from top to bottom; the first of a table is text, the others are numbers."""

    title: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What a run has to say: a heading, and tables with their titles."""

    heading: str
    tables: tuple[tuple[str, tuple[Column, ...]], ...]


def begin_mark(command: str) -> str:
    """Return the mark before the results that a command of make writes."""
    return f"<!-- results: written by `{command} ARGS=--write-docs` -->"


def print_report(report: Report) -> None:
    """Print the heading and every table."""
    console = Console(highlight=False, width=_WIDTH)
    console.print(report.heading)
    for title, columns in report.tables:
        console.print(_rich(title, columns))


def markdown(report: Report) -> str:
    """Return the heading and every table as Markdown."""
    return "\n\n".join([report.heading, *(_markdown_table(title, columns) for title, columns in report.tables)])


def write_between_marks(document: Path, begin: str, report: Report) -> None:
    """Replace what stands between a mark and the end of its results. Raises SystemExit where the marks are missing."""
    head, opened, rest = document.read_text(encoding="utf-8").partition(begin)
    _, closed, tail = rest.partition(END)
    if not opened or not closed:
        raise SystemExit(f"{document} lacks the marks that results are written between")
    document.write_text(f"{head}{begin}\n{markdown(report)}\n{END}{tail}", encoding="utf-8")


def _rich(title: str, columns: tuple[Column, ...]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for index, column in enumerate(columns):
        table.add_column(column.title, justify="right" if index else "left")
    for row in _rows(columns):
        table.add_row(*row)
    return table


def _markdown_table(title: str, columns: tuple[Column, ...]) -> str:
    lines = [_line(column.title for column in columns), _line(["---", *["---:"] * (len(columns) - 1)])]
    lines += [_line(row) for row in _rows(columns)]
    return "\n".join([f"{title}:", "", *lines])


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rows(columns: tuple[Column, ...]) -> Iterator[tuple[str, ...]]:
    return zip(*(column.values for column in columns), strict=True)
