"""The sales forecast of one tenant as a table: the months ahead of its newest forecast, and the current quarter.

Every figure is a row of a mart; nothing is computed here. A tenant that has not been forecast gives no table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from clickhouse_connect.driver.client import Client

from api.reports.language import Language
from api.reports.table import Column, ReportTable
from api.reports.tenants import Tenant
from catalogue.formats import Format

_MONTHS_SHOWN = 6
_CONFIDENCE = 0.95

_MONTHS = """
select month, forecast, lower, upper, as_of, reason, low_history
from analytics.sales_forecast
where tenant_id = {tenant:String} and dimension = 'tenant' and confidence = {confidence:Float64}
order by month
limit {months:UInt8}
"""
_QUARTER = """
select quarter_start, quarter_end, booked, forecast, lower, upper
from analytics.quarter_forecast
where tenant_id = {tenant:String} and is_newest and is_published and confidence = {confidence:Float64}
"""


def read_forecast(client: Client, tenant: Tenant, language: Language) -> Iterator[ReportTable]:
    """Yield the months ahead and the current quarter of a tenant."""
    chosen = {"tenant": tenant.id, "confidence": _CONFIDENCE, "months": _MONTHS_SHOWN}
    months = client.query(_MONTHS, parameters=chosen).result_rows
    if months:
        yield ReportTable(
            title=language.title("sales_forecast"),
            scope=_scope(months[0], language),
            columns=(
                Column(language.label("sales_forecast", "month"), Format.TEXT),
                *_money(language, "sales_forecast"),
            ),
            rows=tuple((language.month(month), *figures) for month, *figures in (row[:4] for row in months)),
        )
    quarters = client.query(_QUARTER, parameters=chosen).result_rows
    if quarters:
        yield ReportTable(
            title=language.title("quarter_forecast"),
            scope=language.word("band", level=language.percent(_CONFIDENCE)),
            columns=(
                Column(language.word("period"), Format.TEXT),
                Column(language.label("quarter_forecast", "booked"), Format.MONEY),
                *_money(language, "quarter_forecast"),
            ),
            rows=tuple((f"{language.day(start)} – {language.day(end)}", *figures) for start, end, *figures in quarters),
        )


def _money(language: Language, mart: str) -> tuple[Column, ...]:
    return tuple(Column(language.label(mart, name), Format.MONEY) for name in ("forecast", "lower", "upper"))


def _scope(row: Sequence[Any], language: Language) -> str:
    *_, reason, low_history = row
    told = [language.word("band", level=language.percent(_CONFIDENCE)), language.word(f"forecast_{reason}")]
    if low_history:
        told.append(language.word("forecast_low_history"))
    return ", ".join(told)
