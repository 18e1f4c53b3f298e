"""The five standard reports of one tenant: which sums of which mart, and the rates taken from them at display.

Every figure is a sum over mart rows, or a quotient of two such sums that the catalogue declares. Definitions belong in
the dbt models; words and number formats in `language`; drawing in `console`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

from clickhouse_connect.driver.client import Client

from api.reports.footnotes import footnotes, read_issues
from api.reports.language import Language
from api.reports.table import Column, ReportTable, Value
from api.reports.tenants import Tenant
from catalogue.entries import Rate
from catalogue.formats import Format

Row = tuple[Value, ...]

_MONTHS_SHOWN = 12
_DAYS_SHOWN = 30

# The canonical tables without which a report has no inputs; it then says so instead of showing zeros.
INPUTS: Mapping[str, tuple[str, ...]] = {
    "sales_by_month": ("deals", "stages"),
    "manager_activity": ("activities", "users"),
    "leads_by_source": ("leads",),
    "lead_conversion": ("leads", "deals"),
    "sales_funnel": ("deals", "pipelines", "stages"),
}


def first_of_month(day: date, months_back: int = 0) -> date:
    """Return the first day of the month that lies `months_back` months before that of `day`."""
    index = day.year * 12 + day.month - 1 - months_back
    return date(index // 12, index % 12 + 1, 1)


def read_reports(
    client: Client, tenant: Tenant, language: Language, not_mapped: frozenset[str] = frozenset()
) -> Iterator[ReportTable]:
    """Yield the standard reports of a tenant in order; the funnel gives a table per pipeline and mode.

    Args:
        client: of the warehouse.
        tenant: whose rows are read.
        language: of titles and headings.
        not_mapped: canonical tables that the CRM's mapping does not fill.
    """
    readers: Mapping[str, Callable[[Client, Tenant, Language], Iterable[ReportTable]]] = {
        "sales_by_month": sales_by_month,
        "manager_activity": manager_activity,
        "leads_by_source": leads_by_source,
        "lead_conversion": lead_conversion,
        "sales_funnel": sales_funnel,
    }
    for mart, reader in readers.items():
        missing = [table for table in INPUTS[mart] if table in not_mapped]
        if missing:
            note = language.word("not_mapped", tables=", ".join(missing))
            yield ReportTable(language.title(mart), "", columns=(), rows=(), note=note)
        else:
            tables = list(reader(client, tenant, language))
            yield from tables[:-1]
            for last in tables[-1:]:
                yield replace(last, footnotes=_footnotes(client, tenant, mart, language))


def _footnotes(client: Client, tenant: Tenant, mart: str, language: Language) -> tuple[str, ...]:
    until = tenant.as_of_day
    in_days = mart == "manager_activity"
    since = until - timedelta(days=_DAYS_SHOWN - 1) if in_days else first_of_month(until, _MONTHS_SHOWN - 1)
    return footnotes(read_issues(client, tenant.id, mart, since, until, language), language)


def sales_by_month(client: Client, tenant: Tenant, language: Language) -> Iterator[ReportTable]:
    """Won deals and sales beside the plan: the last twelve months, the month (none), the future, the total to date."""
    mart = "sales_by_month"
    found = _query(
        client,
        """
        select
            month, is_future, sum(won_deals), sum(target_deals), sum(won_amount_base), sum(target_amount_base),
            sum(deals_without_amount), sum(deals_without_rate)
        from analytics.sales_by_month
        where tenant_id = {tenant:String} and (month >= {since:Date32} or month is null)
        group by month, is_future
        order by month asc nulls last
        """,
        tenant=tenant.id,
        since=first_of_month(tenant.as_of_day, _MONTHS_SHOWN - 1),
    )
    sums = range(2, 8)
    to_date = [row for row in found if not row[1]]
    attainment = _rates(language, mart)["attainment"]

    def with_attainment(heading: str, deals: int, plan_deals: int, sales: Any, plan: Any, *rest: int) -> Row:
        return (heading, deals, plan_deals, sales, plan, attainment.of(sales, plan), *rest)

    rows = [with_attainment(language.month(row[0]) if row[0] else language.word("none"), *row[2:]) for row in to_date]
    future = [row for row in found if row[1]]
    if future:
        rows.append(with_attainment(language.word("future"), *_sums(future, sums)))
    yield ReportTable(
        title=language.title(mart),
        scope=language.word("last_12_months"),
        columns=(
            _text(language, mart, "month"),
            _figure(language, mart, "won_deals"),
            _figure(language, mart, "target_deals"),
            _figure(language, mart, "won_amount_base"),
            _figure(language, mart, "target_amount_base"),
            _figure(language, mart, "attainment"),
            _figure(language, mart, "deals_without_amount"),
            _figure(language, mart, "deals_without_rate"),
        ),
        rows=tuple(rows),
        total=with_attainment(language.word("total_to_date"), *_sums(to_date, sums)) if rows else None,
        note=None if rows else language.word("empty"),
    )


def manager_activity(client: Client, tenant: Tenant, language: Language) -> Iterator[ReportTable]:
    """Completed activities of each manager in the last thirty days, the most active first, the idle ones with zeros."""
    mart = "manager_activity"
    measures = ("tasks", "calls", "meetings", "emails", "other", "total", "minutes", "overdue_open_tasks")
    rows = _query(
        client,
        """
        select
            manager_name, department_name,
            sum(tasks), sum(calls), sum(meetings), sum(emails), sum(other), sum(total) as completed, sum(minutes),
            sum(overdue_open_tasks)
        from analytics.manager_activity
        where tenant_id = {tenant:String} and day between {since:Date32} and {until:Date32}
        group by manager_id, manager_name, department_name
        order by completed desc, manager_name asc
        """,
        tenant=tenant.id,
        since=tenant.as_of_day - timedelta(days=_DAYS_SHOWN - 1),
        until=tenant.as_of_day,
    )
    yield ReportTable(
        title=language.title(mart),
        scope=language.word("last_30_days"),
        columns=(
            _text(language, mart, "manager_name"),
            _text(language, mart, "department_name"),
            *(_figure(language, mart, measure) for measure in measures),
        ),
        rows=tuple(tuple(row) for row in rows),
        total=(language.word("total"), None, *_sums(rows, range(2, 10))) if rows else None,
        note=None if rows else language.word("empty"),
    )


def leads_by_source(client: Client, tenant: Tenant, language: Language) -> Iterator[ReportTable]:
    """Leads of the last twelve months by group of sources, with each group's share."""
    mart = "leads_by_source"
    found = _query(
        client,
        """
        select source_group, source_type, sum(leads) as lead_count, sum(duplicate_leads)
        from analytics.leads_by_source
        where tenant_id = {tenant:String} and month >= {since:Date32}
        group by source_group, source_type
        order by lead_count desc, source_group asc, source_type asc
        """,
        tenant=tenant.id,
        since=first_of_month(tenant.as_of_day, _MONTHS_SHOWN - 1),
    )
    leads = sum(row[2] for row in found)
    share = _rates(language, mart)["share"]
    yield ReportTable(
        title=language.title(mart),
        scope=language.word("last_12_months"),
        columns=(
            _text(language, mart, "source_group"),
            _text(language, mart, "source_type"),
            _figure(language, mart, "leads"),
            _figure(language, mart, "share"),
            _figure(language, mart, "duplicate_leads"),
        ),
        rows=tuple((row[0], row[1], row[2], share.of(row[2], leads), row[3]) for row in found),
        total=(language.word("total"), None, leads, share.of(leads, leads), sum(row[3] for row in found))
        if found
        else None,
        note=None if found else language.word("empty"),
    )


def lead_conversion(client: Client, tenant: Tenant, language: Language) -> Iterator[ReportTable]:
    """Cohort and period rates of the last twelve months; a young cohort is marked."""
    mart = "lead_conversion"
    measures = (
        "leads", "converted_leads", "converted_30d", "converted_60d", "converted_90d", "won_leads",
        "period_converted_leads", "direct_deals",
    )  # fmt: skip
    shown_rates = ("cohort_rate", "rate_30d", "rate_60d", "rate_90d", "won_rate", "period_rate")
    found = _query(
        client,
        f"""
        select month, {", ".join(f"sum({measure})" for measure in measures)}, min(is_mature)
        from analytics.lead_conversion
        where tenant_id = {{tenant:String}} and month >= {{since:Date32}} and month <= {{until:Date32}}
        group by month
        order by month
        """,
        tenant=tenant.id,
        since=first_of_month(tenant.as_of_day, _MONTHS_SHOWN - 1),
        until=tenant.as_of_day,
    )

    rates = _rates(language, mart)

    def with_rates(heading: str, sums: tuple[Any, ...], maturity: str | None) -> Row:
        named = dict(zip(measures, sums, strict=True))
        shown = (rates[name].of(named[rates[name].numerator], named[rates[name].denominator]) for name in shown_rates)
        return (heading, named["leads"], named["converted_leads"], *shown, named["direct_deals"], maturity)

    yield ReportTable(
        title=language.title(mart),
        scope=language.word("last_12_months"),
        columns=(
            _text(language, mart, "month"),
            _figure(language, mart, "leads"),
            _figure(language, mart, "converted_leads"),
            *(_figure(language, mart, rate) for rate in shown_rates),
            _figure(language, mart, "direct_deals"),
            _text(language, mart, "mature"),
        ),
        rows=tuple(
            with_rates(language.month(row[0]), row[1:-1], language.word("yes" if row[-1] else "not_yet"))
            for row in found
        ),
        total=with_rates(language.word("total"), _sums(found, range(1, 9)), None) if found else None,
        note=None if found else language.word("empty"),
    )


def sales_funnel(client: Client, tenant: Tenant, language: Language) -> Iterator[ReportTable]:
    """Two tables per pipeline: the deals that reached each stage, and the deals by their stage now."""
    mart = "sales_funnel"
    found = _query(
        client,
        """
        select
            mode, pipeline_name, pipeline_id, stage_name, sum(deals), sum(amount_base), sum(stage_visits),
            sum(seconds_in_stage),
            arrayReduce('quantileExactInclusive(0.5)', groupArrayArray(seconds_in_stage_values))
        from analytics.sales_funnel
        where
            tenant_id = {tenant:String}
            and (mode = 'current' or (month >= {since:Date32} and month <= {until:Date32}))
        group by mode, pipeline_id, pipeline_name, stage_id, stage_name, stage_position
        order by pipeline_id, mode desc, stage_position, stage_name
        """,
        tenant=tenant.id,
        since=first_of_month(tenant.as_of_day, _MONTHS_SHOWN - 1),
        until=tenant.as_of_day,
    )
    for (mode, pipeline_name, _), stages in groupby(found, key=itemgetter(0, 1, 2)):
        rows = list(stages)
        title = f"{language.title(mart)}: {pipeline_name}"
        if mode == "reached":
            scope = f"{language.word('reached')}, {language.word('created_last_12_months')}"
            yield ReportTable(title, scope, _reached_columns(language), tuple(_reached_rows(rows, language)))
        else:
            columns = (
                _text(language, mart, "stage_name"),
                _figure(language, mart, "deals"),
                _figure(language, mart, "amount_base"),
            )
            yield ReportTable(title, language.word("current"), columns, tuple((row[3], row[4], row[5]) for row in rows))


def _reached_columns(language: Language) -> tuple[Column, ...]:
    mart = "sales_funnel"
    return (
        _text(language, mart, "stage_name"),
        _figure(language, mart, "deals"),
        _figure(language, mart, "step_rate"),
        _figure(language, mart, "overall_rate"),
        _figure(language, mart, "amount_base"),
        _figure(language, mart, "median_days"),
        _figure(language, mart, "mean_days"),
    )


def _reached_rows(stages: list[tuple[Any, ...]], language: Language) -> Iterator[Row]:
    rates = _rates(language, "sales_funnel")
    median_days = language.catalogue.marts["sales_funnel"].aggregates["median_days"]
    first = stages[0][4]
    previous: int | None = None
    for _, _, _, name, deals, amount, visits, seconds, median_seconds in stages:
        yield (
            name,
            deals,
            rates["step_rate"].of(deals, previous),
            rates["overall_rate"].of(deals, first),
            amount,
            median_seconds * median_days.scale if visits else None,
            rates["mean_days"].of(seconds, visits),
        )
        previous = deals


def _figure(language: Language, mart: str, name: str) -> Column:
    return Column(language.label(mart, name), language.catalogue.marts[mart].figures[name].format)


def _text(language: Language, mart: str, name: str) -> Column:
    return Column(language.label(mart, name), Format.TEXT)


def _rates(language: Language, mart: str) -> Mapping[str, Rate]:
    return language.catalogue.marts[mart].rates


def _sums(rows: list[tuple[Any, ...]], positions: range) -> tuple[Any, ...]:
    return tuple(sum(row[position] for row in rows) for position in positions)


def _query(client: Client, sql: str, **parameters: object) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in client.query(sql, parameters=parameters).result_rows]
