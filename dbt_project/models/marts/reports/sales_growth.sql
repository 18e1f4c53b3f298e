-- Grain: tenant, month, manager (current owner) with department, pipeline. Sales of days that have the same day a year
-- earlier in the tenant's history, beside the sales of that day: a month that is not over is compared up to its day.
with sales as (
    select
        sales.tenant_id as tenant_id,
        sales.day as day,
        sales.department_id as department_id,
        sales.department_name as department_name,
        sales.manager_id as manager_id,
        sales.manager_name as manager_name,
        sales.pipeline_id as pipeline_id,
        sales.pipeline_name as pipeline_name,
        sales.won_deals as won_deals,
        sales.won_amount_base as won_amount_base,
        tenants.first_day as first_day,
        tenants.as_of_day as as_of_day
    from {{ ref('sales_by_month') }} as sales
    inner join {{ ref('dim_tenants') }} as tenants on sales.tenant_id = tenants.tenant_id
    where sales.won_deals > 0 and sales.day is not null and not sales.is_future
),

compared as (
    select
        sales.*,
        sales.day as shown_on,
        toInt64(sales.won_deals) as deals_now,
        sales.won_amount_base as amount_now,
        toInt64(0) as deals_before,
        toDecimal64(0, 2) as amount_before
    from sales
    where addYears(sales.day, -1) >= sales.first_day
    union all
    select
        sales.*,
        addYears(sales.day, 1) as shown_on,
        toInt64(0) as deals_now,
        toDecimal64(0, 2) as amount_now,
        toInt64(sales.won_deals) as deals_before,
        sales.won_amount_base as amount_before
    from sales
    where addYears(sales.day, 1) <= sales.as_of_day and sales.day >= sales.first_day
)

select
    tenant_id,
    cast({{ first_of_month('shown_on') }} as Date32) as month,
    department_id,
    any(department_name) as department_name,
    manager_id,
    any(manager_name) as manager_name,
    pipeline_id,
    any(pipeline_name) as pipeline_name,
    cast(sum(deals_now) as UInt64) as won_deals,
    cast(sum(amount_now) as Decimal(18, 2)) as won_amount_base,
    cast(sum(deals_before) as UInt64) as year_before_won_deals,
    cast(sum(amount_before) as Decimal(18, 2)) as year_before_amount_base,
    cast(sum(deals_now) - sum(deals_before) as Int64) as growth_deals,
    cast(sum(amount_now) - sum(amount_before) as Decimal(18, 2)) as growth_amount_base
from compared
group by tenant_id, month, department_id, manager_id, pipeline_id
