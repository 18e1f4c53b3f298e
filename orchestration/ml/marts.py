"""Reads of one tenant what `ml_assets` wants as frames, cut at the day that it stands on.

Every query names one tenant and one day, and returns only what was known when that day began: what happened later, a
close included, is as if it had not. Which facts cannot be rebuilt for an earlier day stands in docs/ml-operations.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pandas as pd

from orchestration.extraction.replica import Warehouse

# The outcome of each deal when the day began, and since when it had it.
STATES = """
    select
        deal_id,
        argMax(outcome, run) as outcome_then,
        argMax(since_day, run) as since_then
    from analytics.fct_deal_outcomes
    where tenant_id = {tenant:String} and since_day < {as_of:Date32}
    group by deal_id
"""

_SALES = f"""
select
    {{tenant:String}} as tenant_id,
    toStartOfMonth(states.since_then) as month,
    deals.department_id as department,
    deals.manager_id as manager,
    deals.pipeline_id as pipeline,
    if(leads.lead_id = '', '(none)', leads.source_id) as source,
    toFloat64(sum(ifNull(deals.amount_base, 0))) as value
from analytics.fct_deals as deals
inner join ({STATES}) as states on deals.deal_id = states.deal_id
left join (
    select lead_id, source_id from analytics.fct_leads where tenant_id = {{tenant:String}}
) as leads on deals.lead_id = leads.lead_id
where deals.tenant_id = {{tenant:String}} and states.outcome_then = 'won'
group by month, department, manager, pipeline, source
order by month, department, manager, pipeline, source
"""

_DEALS = f"""
select
    {{tenant:String}} as tenant_id,
    deals.deal_id as deal_id,
    deals.pipeline_id as pipeline_id,
    deals.manager_id as owner_id,
    deals.created_day as created_at,
    if(states.outcome_then in ('won', 'lost'), toNullable(states.since_then), null) as closed_at,
    if(states.outcome_then in ('won', 'lost'), states.outcome_then, 'open') as outcome,
    toFloat64(deals.amount_base) as amount
from analytics.fct_deals as deals
inner join ({STATES}) as states on deals.deal_id = states.deal_id
where deals.tenant_id = {{tenant:String}} and deals.created_day < {{as_of:Date32}}
order by deal_id
"""

_STAGE_ENTRIES = """
select deal_id, stage_id, entered_day as entered_at
from analytics.fct_deal_stage_entries
where tenant_id = {tenant:String} and entered_day < {as_of:Date32}
order by deal_id, ordinal
"""

_TENANTS = """
select
    tenants.tenant_id, tenants.tenant_name, tenants.currency, tenants.locale, tenants.timezone, tenants.as_of_day,
    calendars.country
from analytics.dim_tenants as tenants
left join (
    select tenant_id, any(country) as country from analytics.dim_business_days group by tenant_id
) as calendars on tenants.tenant_id = calendars.tenant_id
where tenants.is_active
order by tenants.tenant_id
"""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant as its models see it.

    Attributes:
        id: its id.
        name: as people know it.
        currency: of all amounts.
        locale: of its plots, such as `ru_RU`.
        timezone: in which its days begin.
        today: its own day at the last build of the marts, unfinished.
        country: of its calendar of working days; empty where it has none.
    """

    id: str
    name: str
    currency: str
    locale: str
    timezone: str
    today: date
    country: str

    def day(self, wanted: date) -> date:
        """Return the day to stand on: the wanted one, but not one that has not begun where this tenant lives."""
        return min(wanted, self.today)


def read_tenants(warehouse: Warehouse) -> list[Tenant]:
    """Return the active tenants of the marts, by id."""
    return [Tenant(*row) for row in warehouse.rows(_TENANTS)]


def read_sales(warehouse: Warehouse, tenant: str, as_of: date) -> pd.DataFrame:
    """Return won amounts by month, department, manager, pipeline and source: deals that were won when the day began."""
    return query_frame(warehouse, _SALES, tenant, as_of, dates=("month",))


def read_deals(warehouse: Warehouse, tenant: str, as_of: date) -> pd.DataFrame:
    """Return the deals that existed when the day began, with the outcome that they had then."""
    return query_frame(warehouse, _DEALS, tenant, as_of, dates=("created_at", "closed_at"))


def read_stage_entries(warehouse: Warehouse, tenant: str, as_of: date) -> pd.DataFrame:
    """Return when deals entered their stages before the day began."""
    return query_frame(warehouse, _STAGE_ENTRIES, tenant, as_of, dates=("entered_at",))


def query_frame(
    warehouse: Warehouse, query: str, tenant: str, as_of: date, *, dates: tuple[str, ...] = ()
) -> pd.DataFrame:
    """Return the rows of a query that names `{tenant:String}` and `{as_of:Date32}`, the given columns as timestamps."""
    parameters = {"tenant": tenant, "as_of": as_of}
    result = warehouse.client.query(query, parameters=parameters)
    names = list(result.column_names)
    if not names:
        # Of a result without rows the server tells no columns.
        names = [row[0] for row in warehouse.rows(f"describe ({query})", **parameters)]
    frame = pd.DataFrame(list(result.result_rows), columns=names)
    for name in dates:
        frame[name] = pd.to_datetime(frame[name])
    return frame
