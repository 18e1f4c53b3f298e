-- Grain: tenant, close day, manager (current owner) with department, pipeline, source of the deal's lead, is_future.
-- Won and lost deals. Without a close day: day and month NULL, the month (none). No zero rows.
with deals as (
    select
        deals.tenant_id as tenant_id,
        deals.closed_day as closed_day,
        deals.department_id as department_id,
        deals.department_name as department_name,
        deals.manager_id as manager_id,
        deals.manager_name as manager_name,
        deals.pipeline_id as pipeline_id,
        deals.pipeline_name as pipeline_name,
        coalesce(leads.source_id, {{ none_member() }}) as source_id,
        coalesce(leads.source_name, {{ none_member() }}) as source_name,
        coalesce(leads.source_group, {{ none_member() }}) as source_group,
        deals.is_future as is_future,
        deals.outcome as outcome,
        deals.amount as amount,
        deals.amount_base as amount_base,
        if(deals.outcome = 'won', dateDiff('day', deals.created_day, deals.closed_day), null) as cycle
    from {{ ref('fct_deals') }} as deals
    left join {{ ref('fct_leads') }} as leads on deals.tenant_id = leads.tenant_id and deals.lead_id = leads.lead_id
    where deals.outcome in ('won', 'lost')
)

select
    tenant_id,
    cast(closed_day as Nullable(Date32)) as day,
    cast({{ first_of_month('closed_day') }} as Nullable(Date32)) as month,
    department_id,
    any(department_name) as department_name,
    manager_id,
    any(manager_name) as manager_name,
    pipeline_id,
    any(pipeline_name) as pipeline_name,
    source_id,
    any(source_name) as source_name,
    any(source_group) as source_group,
    cast(is_future as Bool) as is_future,
    cast(count() as UInt64) as closed_deals,
    cast(countIf(outcome = 'won') as UInt64) as won_deals,
    cast(countIf(outcome = 'lost') as UInt64) as lost_deals,
    cast(sumIf(coalesce(amount_base, 0), outcome = 'won') as Decimal(18, 2)) as won_amount_base,
    cast(sumIf(coalesce(amount_base, 0), outcome = 'lost') as Decimal(18, 2)) as lost_amount_base,
    cast(sum(coalesce(amount_base, 0)) as Decimal(18, 2)) as closed_amount_base,
    cast(countIf(amount is null) as UInt64) as deals_without_amount,
    cast(countIf(amount is not null and amount_base is null) as UInt64) as deals_without_rate,
    cast(sumIf(coalesce(cycle, 0), cycle >= 0) as UInt64) as cycle_days,
    cast(countIf(cycle >= 0) as UInt64) as cycle_deals,
    cast(countIf(cycle < 0) as UInt64) as negative_cycle_deals,
    cast(groupArrayIf(assumeNotNull(cycle), cycle >= 0) as Array(UInt64)) as cycle_days_values
from deals
group by tenant_id, closed_day, department_id, manager_id, pipeline_id, source_id, is_future
