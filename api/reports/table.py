"""One report ready to be shown: typed columns and values, no layout."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from catalogue.formats import Format

Value = str | int | float | Decimal | date | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading in the reader's language and how its values are written."""

    heading: str
    format: Format


@dataclass(frozen=True, slots=True)
class ReportTable:
    """A report's table.

    Attributes:
        title: in the reader's language.
        scope: which rows it covers, in the reader's language.
        columns: in order.
        rows: one value per column; None is shown as empty.
        total: a closing row, if the sums mean something.
        note: shown instead of rows where the report has none.
        footnotes: lines that say which figures to take with care, in the reader's language.
    """

    title: str
    scope: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    total: tuple[Value, ...] | None = None
    note: str | None = None
    footnotes: tuple[str, ...] = ()
