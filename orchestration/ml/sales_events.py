"""Reads one tenant's customers, leads and deals with all that happened to them before a day, in its own time.

Columns are named as in the marts, as `ml_assets.churn` and `ml_assets.scoring` want them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from ml_assets.scoring.events import SalesEvents
from orchestration.extraction.replica import Warehouse
from orchestration.ml.marts import STATES, Tenant, query_frame

_DEALS = f"""
select
    deals.tenant_id as tenant_id, deals.deal_id as deal_id, deals.pipeline_id as pipeline_id,
    deals.manager_id as manager_id, deals.company_id as company_id, deals.contact_id as contact_id,
    deals.lead_id as lead_id, deals.created_at as created_at,
    if(states.outcome_then in ('won', 'lost'), toNullable(states.since_then), null) as closed_at,
    if(states.outcome_then in ('won', 'lost'), states.outcome_then, 'open') as outcome,
    toFloat64(deals.amount_base) as amount_base
from analytics.fct_deals as deals
inner join ({STATES}) as states on deals.deal_id = states.deal_id
where deals.tenant_id = {{tenant:String}} and deals.created_day < {{as_of:Date32}}
order by deal_id
"""
_LEADS = """
select
    tenant_id, lead_id, source_id, source_name, source_type, created_at,
    if(conversion_day < {as_of:Date32}, conversion_moment, null) as conversion_moment, is_duplicate
from analytics.fct_leads
where tenant_id = {tenant:String} and created_day < {as_of:Date32}
order by lead_id
"""
_STAGE_ENTRIES = """
select
    entries.tenant_id as tenant_id, entries.deal_id as deal_id, entries.pipeline_id as pipeline_id,
    entries.stage_id as stage_id, if(stages.stage_id = '', entries.stage_id, stages.stage_name) as stage_name,
    entries.entered_at as entered_at
from analytics.fct_deal_stage_entries as entries
left join analytics.dim_stages as stages
    on
        entries.tenant_id = stages.tenant_id
        and entries.pipeline_id = stages.pipeline_id
        and entries.stage_id = stages.stage_id
where entries.tenant_id = {tenant:String} and entries.entered_day < {as_of:Date32}
order by deal_id, entries.ordinal
"""
_ACTIVITIES = """
select tenant_id, activity_type, manager_id, deal_id, lead_id, company_id, completed_at
from analytics.fct_activities
where tenant_id = {tenant:String} and is_completed and completed_day < {as_of:Date32}
order by activity_id
"""
_MESSAGES = """
select tenant_id, deal_id, lead_id, contact_id, direction, sent_at
from analytics.fct_messages
where tenant_id = {tenant:String} and sent_day < {as_of:Date32}
order by message_id
"""
_OWNER_CHANGES = """
select tenant_id, deal_id, from_owner_user_id, owner_user_id, changed_at
from analytics.fct_deal_owner_changes
where tenant_id = {tenant:String} and changed_day < {as_of:Date32}
order by history_id
"""


@dataclass(frozen=True)
class MartEvents:
    """One frame per mart; an optional one is left out where it holds nothing of the tenant."""

    deals: pd.DataFrame
    leads: pd.DataFrame
    stage_entries: pd.DataFrame
    activities: pd.DataFrame | None
    messages: pd.DataFrame | None
    owner_changes: pd.DataFrame | None

    def of_sales(self) -> SalesEvents:
        """Return them as `ml_assets.scoring` wants them."""
        return SalesEvents(
            self.leads, self.deals, self.stage_entries, self.activities, self.messages, self.owner_changes
        )


def read_mart_events(warehouse: Warehouse, tenant: Tenant, as_of: date) -> MartEvents:
    """Read all that happened before the day began."""

    def read(query: str, *moments: str) -> pd.DataFrame:
        frame = query_frame(warehouse, query, tenant.id, as_of)
        for name in moments:
            moment = pd.to_datetime(frame[name], utc=True)
            frame[name] = moment.dt.tz_convert(tenant.timezone).dt.tz_localize(None)
        return frame

    deals = read(_DEALS, "created_at")
    # Of a close only the day is known for certain; on the day of its creation it comes after it.
    closed = pd.to_datetime(deals["closed_at"])
    deals["closed_at"] = closed.where(closed.isna(), np.maximum(closed, deals["created_at"]))
    activities = read(_ACTIVITIES, "completed_at")
    messages, changes = read(_MESSAGES, "sent_at"), read(_OWNER_CHANGES, "changed_at")
    return MartEvents(
        deals=deals,
        leads=read(_LEADS, "created_at", "conversion_moment"),
        stage_entries=read(_STAGE_ENTRIES, "entered_at"),
        activities=activities if len(activities) else None,
        messages=messages if len(messages) else None,
        owner_changes=changes if len(changes) else None,
    )
