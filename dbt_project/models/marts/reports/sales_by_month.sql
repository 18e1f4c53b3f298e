-- Grain: tenant, close day, manager (current owner) with department, manager at the close, pipeline, is_future.
-- Won deals only. A won deal without a close day has day and month NULL: the month (none). Plans stand on the first day
-- of their month, pipeline (none).
{{ config(materialized='changed_keys') }}
with zero_rows as (
    {{ zero_rows_of_sales_by_month() }}
),

rows_of_report as (
    select
        tenant_id,
        day,
        department_id,
        department_name,
        manager_id,
        manager_name,
        manager_at_close_id,
        manager_at_close_name,
        pipeline_id,
        pipeline_name,
        is_future,
        won_deals,
        won_amount_base,
        deals_without_amount,
        deals_without_rate,
        toDecimal64(0, 2) as target_amount_base,
        0 as target_deals
    from {{ ref('sales_by_month_records') }}
    where {{ only_changed_slices() }}
    union all
    select * from zero_rows
    where {{ only_changed_slices() }}
)

select
    tenant_id,
    cast(day as Nullable(Date32)) as day,
    cast({{ first_of_month('day') }} as Nullable(Date32)) as month,
    department_id,
    any(department_name) as department_name,
    manager_id,
    any(manager_name) as manager_name,
    manager_at_close_id,
    any(manager_at_close_name) as manager_at_close_name,
    pipeline_id,
    any(pipeline_name) as pipeline_name,
    cast(is_future as Bool) as is_future,
    cast(sum(won_deals) as UInt64) as won_deals,
    cast(sum(won_amount_base) as Decimal(18, 2)) as won_amount_base,
    cast(sum(deals_without_amount) as UInt64) as deals_without_amount,
    cast(sum(deals_without_rate) as UInt64) as deals_without_rate,
    cast(sum(target_amount_base) as Decimal(18, 2)) as target_amount_base,
    cast(sum(target_deals) as UInt64) as target_deals
from rows_of_report
group by tenant_id, day, department_id, manager_id, manager_at_close_id, pipeline_id, is_future
