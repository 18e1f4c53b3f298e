"""Draws report tables in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from api.reports.language import Language
from api.reports.table import Column, ReportTable, Value
from api.reports.tenants import Tenant
from catalogue.formats import Format

_NONE_MEMBER = "(none)"


def print_reports(console: Console, tenant: Tenant, tables: list[ReportTable], language: Language) -> None:
    """Print a tenant's reports under a heading that says whose they are and as of which day."""
    as_of = f"{language.word('as_of')} {language.day(tenant.as_of_day)}"
    console.print()
    console.rule(f"[bold]{tenant.name}[/bold] · {tenant.id} · {tenant.currency} · {tenant.timezone} · {as_of}")
    for table in tables:
        # A title of the table's own would wrap at the table's width.
        console.print(f"\n[bold]{table.title}[/bold]" + (f" — {table.scope}" if table.scope else ""))
        if table.columns:
            console.print(draw(table, tenant.currency, language))
        if table.note:
            console.print(f"  {table.note}")
        for footnote in table.footnotes:
            console.print(f"  {footnote}", markup=False)


def draw(report: ReportTable, currency: str, language: Language) -> Table:
    """Return a report as a rich table, every value written in the reader's language.

    In a narrow terminal names wrap; figures are never cut.
    """
    drawn = Table(box=box.SIMPLE_HEAD, show_footer=report.total is not None)
    footer = report.total or (None,) * len(report.columns)
    for column, total in zip(report.columns, footer, strict=True):
        values = [_written(column, row[len(drawn.columns)], language) for row in report.rows]
        written_total = _written(column, total, language) if report.total else ""
        is_text = column.format is Format.TEXT
        drawn.add_column(
            f"{column.heading}, {currency}" if column.format is Format.MONEY else column.heading,
            footer=written_total,
            justify="left" if is_text else "right",
            overflow="fold",
            min_width=None if is_text else max(map(len, [*values, written_total])),
        )
    for row in report.rows:
        drawn.add_row(*(_written(column, value, language) for column, value in zip(report.columns, row, strict=True)))
    return drawn


def _written(column: Column, value: Value, language: Language) -> str:
    if value is None:
        return "" if column.format is Format.TEXT else "–"
    writers: Mapping[Format, Callable[[Any], str]] = {
        Format.TEXT: lambda text: language.word("none") if text == _NONE_MEMBER else str(text),
        Format.COUNT: language.count,
        Format.MONEY: lambda amount: language.money(Decimal(amount)),
        Format.PERCENT: language.percent,
        Format.NUMBER: language.number,
        Format.RATIO: language.ratio,
        Format.DAYS: language.number,
        Format.MINUTES: language.count,
        Format.SECONDS: language.count,
    }
    return writers[column.format](value)
