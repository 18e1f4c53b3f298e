-- Grain: tenant, close month, manager (current owner) with department, pipeline, is_future. Won deals only; a won deal
-- without a close day has month NULL. No zero rows.
select
    tenant_id,
    month,
    department_id,
    any(department_name) as department_name,
    manager_id,
    any(manager_name) as manager_name,
    pipeline_id,
    any(pipeline_name) as pipeline_name,
    is_future,
    cast(sum(won_deals) as UInt64) as won_deals,
    cast(sum(won_amount_base) as Decimal(18, 2)) as won_amount_base,
    cast(sum(deals_without_amount) as UInt64) as deals_without_amount,
    cast(sum(deals_without_rate) as UInt64) as deals_without_rate,
    now64(3, 'UTC') as refreshed_at
from {{ ref('sales_by_month') }}
group by tenant_id, month, department_id, manager_id, pipeline_id, is_future
having won_deals > 0
