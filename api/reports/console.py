"""Draws report tables in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from api.reports.language import Language
from api.reports.table import Column, Format, ReportTable, Value
from api.reports.tenants import Tenant

_NONE_MEMBER = "(none)"


def print_reports(console: Console, tenant: Tenant, tables: list[ReportTable], language: Language) -> None:
    """Print a tenant's reports under a heading that says whose they are and as of which day."""
    as_of = f"{language.word('as_of')} {language.day(tenant.as_of_day)}"
    console.print()
    console.rule(f"[bold]{tenant.name}[/bold] · {tenant.id} · {tenant.currency} · {tenant.timezone} · {as_of}")
    for table in tables:
        console.print(draw(table, tenant.currency, language))
        if table.note:
            console.print(f"  {table.note}\n", highlight=False)


def draw(report: ReportTable, currency: str, language: Language) -> Table:
    """Return a report as a rich table, every value written in the reader's language."""
    title = f"[bold]{report.title}[/bold]" + (f" — {report.scope}" if report.scope else "")
    drawn = Table(
        title=title, title_justify="left", title_style="", box=box.SIMPLE_HEAD, show_footer=report.total is not None
    )
    footer = report.total or (None,) * len(report.columns)
    for column, total in zip(report.columns, footer, strict=True):
        drawn.add_column(
            column.heading,
            footer=_written(column, total, currency, language),
            justify="left" if column.format is Format.TEXT else "right",
        )
    for row in report.rows:
        cells = zip(report.columns, row, strict=True)
        drawn.add_row(*(_written(column, value, currency, language) for column, value in cells))
    return drawn


def _written(column: Column, value: Value, currency: str, language: Language) -> str:
    if value is None:
        return "–" if column.format is not Format.TEXT else ""
    writers: Mapping[Format, Callable[[Any], str]] = {
        Format.TEXT: lambda text: language.word("none") if text == _NONE_MEMBER else str(text),
        Format.MONTH: language.month,
        Format.COUNT: language.count,
        Format.MONEY: lambda amount: language.money(Decimal(amount), currency),
        Format.PERCENT: language.percent,
        Format.NUMBER: language.number,
    }
    return writers[column.format](value)
