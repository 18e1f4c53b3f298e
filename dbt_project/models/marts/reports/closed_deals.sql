-- Grain: tenant, close day, manager (current owner) with department, pipeline, source of the deal's lead, is_future.
-- Won and lost deals. Without a close day: day and month NULL, the month (none). No zero rows.
with deals as (
    select
        tenant_id,
        closed_day,
        department_id,
        department_name,
        manager_id,
        manager_name,
        pipeline_id,
        pipeline_name,
        source_id,
        source_name,
        source_group,
        is_future,
        outcome,
        amount,
        amount_base,
        if(outcome = 'won', dateDiff('day', created_day, closed_day), null) as cycle
    from {{ ref('fct_deals') }}
    where outcome in ('won', 'lost')
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
