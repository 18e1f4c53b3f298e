"""Tables of results, for the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table

_WIDTH = 170


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title and its values from top to bottom; the first of a table is text, others may be."""

    title: str
    values: tuple[str, ...]
    is_text: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What a run has to say: a heading, and tables with their titles."""

    heading: str
    tables: tuple[tuple[str, tuple[Column, ...]], ...]


def print_report(report: Report) -> None:
    """Print the heading and every table."""
    console = Console(highlight=False, width=_WIDTH)
    console.print(report.heading)
    for title, columns in report.tables:
        console.print(_rich(title, columns))


def markdown(report: Report) -> str:
    """Return the heading and every table as Markdown."""
    return "\n\n".join([report.heading, *(_markdown_table(title, columns) for title, columns in report.tables)])


def _rich(title: str, columns: tuple[Column, ...]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for index, column in enumerate(columns):
        table.add_column(column.title, justify="right" if _is_number(index, column) else "left")
    for row in _rows(columns):
        table.add_row(*row)
    return table


def _markdown_table(title: str, columns: tuple[Column, ...]) -> str:
    rules = ["---:" if _is_number(index, column) else "---" for index, column in enumerate(columns)]
    lines = [_line(column.title for column in columns), _line(rules)]
    lines += [_line(row) for row in _rows(columns)]
    return "\n".join([f"{title}:", "", *lines])


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _is_number(index: int, column: Column) -> bool:
    return index > 0 and not column.is_text


def _rows(columns: tuple[Column, ...]) -> Iterator[tuple[str, ...]]:
    return zip(*(column.values for column in columns), strict=True)
