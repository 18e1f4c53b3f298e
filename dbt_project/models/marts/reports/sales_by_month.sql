-- Grain: tenant, close day, manager (current owner) with department, manager at the close, pipeline, is_future.
-- Won deals only. A won deal without a close day has day and month NULL: the month (none). Plans stand on the first day
-- of their month, pipeline (none).
with zero_rows as (
    select
        months.tenant_id as tenant_id,
        months.month as day,
        managers.department_id as department_id,
        managers.department_name as department_name,
        managers.user_id as manager_id,
        managers.user_name as manager_name,
        {{ none_member() }} as manager_at_close_id,
        {{ none_member() }} as manager_at_close_name,
        pipelines.pipeline_id as pipeline_id,
        pipelines.pipeline_name as pipeline_name,
        false as is_future,
        0 as won_deals,
        toDecimal64(0, 2) as won_amount_base,
        0 as deals_without_amount,
        0 as deals_without_rate,
        toDecimal64(0, 2) as target_amount_base,
        0 as target_deals
    from {{ ref('int_tenant_months') }} as months
    inner join {{ ref('dim_users') }} as managers on months.tenant_id = managers.tenant_id
    inner join {{ ref('dim_pipelines') }} as pipelines on months.tenant_id = pipelines.tenant_id
    where managers.role = 'manager' and pipelines.pipeline_id != {{ none_member() }}
),

targets as (
    select
        tenant_id,
        month as day,
        department_id,
        department_name,
        manager_id,
        manager_name,
        {{ none_member() }} as manager_at_close_id,
        {{ none_member() }} as manager_at_close_name,
        {{ none_member() }} as pipeline_id,
        {{ none_member() }} as pipeline_name,
        is_future,
        0 as won_deals,
        toDecimal64(0, 2) as won_amount_base,
        0 as deals_without_amount,
        0 as deals_without_rate,
        target_amount_base,
        target_deals
    from {{ ref('fct_sales_targets') }}
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
    union all
    select * from zero_rows
    union all
    select * from targets
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
