"""The five standard reports of one tenant: which sums of which mart, and the rates taken from them at display.

Every figure is a sum over mart rows, or a quotient of two such sums. Definitions belong in the dbt models; words and
number formats in `language`; drawing in `console`.
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
from api.reports.table import Column, Format, ReportTable, Value
from api.reports.tenants import Tenant

_MONTHS_SHOWN = 12
_DAYS_SHOWN = 30
_SECONDS_PER_DAY = 86_400

# The canonical tables without which a report has no inputs; it then says so instead of showing zeros.
INPUTS: Mapping[str, tuple[str, ...]] = {
    "sales_by_month": ("deals", "stages"),
    "manager_activity": ("activities", "users"),
    "leads_by_source": ("leads",),
    "lead_conversion": ("leads", "deals"),
    "sales_funnel": ("deals", "pipelines", "stages"),
}


def rate(numerator: float, denominator: float) -> float | None:
    """Return the quotient of two sums, None on a zero denominator."""
    return numerator / denominator if denominator else None


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
    rows = [_with_attainment(language.month(row[0]) if row[0] else language.word("none"), *row[2:]) for row in to_date]
    future = [row for row in found if row[1]]
    if future:
        rows.append(_with_attainment(language.word("future"), *_sums(future, sums)))
    yield ReportTable(
        title=language.title(mart),
        scope=language.word("last_12_months"),
        columns=(
            Column(language.label(mart, "month"), Format.TEXT),
            Column(language.label(mart, "won_deals"), Format.COUNT),
            Column(language.label(mart, "target_deals"), Format.COUNT),
            Column(language.label(mart, "won_amount_base"), Format.MONEY),
            Column(language.label(mart, "target_amount_base"), Format.MONEY),
            Column(language.word("attainment"), Format.PERCENT),
            Column(language.label(mart, "deals_without_amount"), Format.COUNT),
            Column(language.label(mart, "deals_without_rate"), Format.COUNT),
        ),
        rows=tuple(rows),
        total=_with_attainment(language.word("total_to_date"), *_sums(to_date, sums)) if rows else None,
        note=None if rows else language.word("empty"),
    )


def _with_attainment(heading: str, deals: int, plan_deals: int, sales: Any, plan: Any, *rest: int) -> tuple[Value, ...]:
    """Return a row of sales by month with the part of the plan that was reached, empty where there is no plan."""
    return (heading, deals, plan_deals, sales, plan, rate(sales, plan), *rest)


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
            Column(language.label(mart, "manager_name"), Format.TEXT),
            Column(language.label(mart, "department_name"), Format.TEXT),
            *(Column(language.label(mart, measure), Format.COUNT) for measure in measures),
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
    yield ReportTable(
        title=language.title(mart),
        scope=language.word("last_12_months"),
        columns=(
            Column(language.label(mart, "source_group"), Format.TEXT),
            Column(language.label(mart, "source_type"), Format.TEXT),
            Column(language.label(mart, "leads"), Format.COUNT),
            Column(language.word("share"), Format.PERCENT),
            Column(language.label(mart, "duplicate_leads"), Format.COUNT),
        ),
        rows=tuple((row[0], row[1], row[2], rate(row[2], leads), row[3]) for row in found),
        total=(language.word("total"), None, leads, rate(leads, leads), sum(row[3] for row in found))
        if found
        else None,
        note=None if found else language.word("empty"),
    )


def lead_conversion(client: Client, tenant: Tenant, language: Language) -> Iterator[ReportTable]:
    """Cohort and period rates of the last twelve months; a young cohort is marked."""
    mart = "lead_conversion"
    found = _query(
        client,
        """
        select
            month, sum(leads), sum(converted_leads), sum(converted_30d), sum(converted_60d), sum(converted_90d),
            sum(won_leads), sum(period_converted_leads), sum(direct_deals), min(is_mature)
        from analytics.lead_conversion
        where tenant_id = {tenant:String} and month >= {since:Date32} and month <= {until:Date32}
        group by month
        order by month
        """,
        tenant=tenant.id,
        since=first_of_month(tenant.as_of_day, _MONTHS_SHOWN - 1),
        until=tenant.as_of_day,
    )

    def with_rates(row: tuple[Any, ...], heading: str, maturity: str | None) -> tuple[Value, ...]:
        _, leads, converted, in_30, in_60, in_90, won, in_period, direct, _ = row
        fractions = (rate(part, leads) for part in (converted, in_30, in_60, in_90, won, in_period))
        return (heading, leads, converted, *fractions, direct, maturity)

    yield ReportTable(
        title=language.title(mart),
        scope=language.word("last_12_months"),
        columns=(
            Column(language.label(mart, "month"), Format.TEXT),
            Column(language.label(mart, "leads"), Format.COUNT),
            Column(language.label(mart, "converted_leads"), Format.COUNT),
            *(
                Column(language.word(word), Format.PERCENT)
                for word in ("cohort_rate", "rate_30d", "rate_60d", "rate_90d", "won_rate", "period_rate")
            ),
            Column(language.label(mart, "direct_deals"), Format.COUNT),
            Column(language.word("mature"), Format.TEXT),
        ),
        rows=tuple(
            with_rates(row, language.month(row[0]), language.word("yes" if row[9] else "not_yet")) for row in found
        ),
        total=with_rates((None, *_sums(found, range(1, 9)), None), language.word("total"), None) if found else None,
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
            yield ReportTable(title, scope, _reached_columns(language), tuple(_reached_rows(rows)))
        else:
            columns = (
                Column(language.label(mart, "stage_name"), Format.TEXT),
                Column(language.label(mart, "deals"), Format.COUNT),
                Column(language.label(mart, "amount_base"), Format.MONEY),
            )
            yield ReportTable(title, language.word("current"), columns, tuple((row[3], row[4], row[5]) for row in rows))


def _reached_columns(language: Language) -> tuple[Column, ...]:
    mart = "sales_funnel"
    return (
        Column(language.label(mart, "stage_name"), Format.TEXT),
        Column(language.label(mart, "deals"), Format.COUNT),
        Column(language.word("step_rate"), Format.PERCENT),
        Column(language.word("overall_rate"), Format.PERCENT),
        Column(language.label(mart, "amount_base"), Format.MONEY),
        Column(language.word("median_days"), Format.NUMBER),
        Column(language.word("mean_days"), Format.NUMBER),
    )


def _reached_rows(stages: list[tuple[Any, ...]]) -> Iterator[tuple[Value, ...]]:
    first = stages[0][4]
    previous: int | None = None
    for _, _, _, name, deals, amount, visits, seconds, median_seconds in stages:
        yield (
            name,
            deals,
            None if previous is None else rate(deals, previous),
            rate(deals, first),
            amount,
            median_seconds / _SECONDS_PER_DAY if visits else None,
            rate(seconds / _SECONDS_PER_DAY, visits),
        )
        previous = deals


def _sums(rows: list[tuple[Any, ...]], positions: range) -> tuple[Any, ...]:
    return tuple(sum(row[position] for row in rows) for position in positions)


def _query(client: Client, sql: str, **parameters: object) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in client.query(sql, parameters=parameters).result_rows]
