-- Grain: tenant, month, manager with department: open deals expected to close in it beside what is left of
-- its plan. From the first month of the as-of quarter to eleven months after the as-of month. A view, as the
-- chances of winning are.
{{ config(materialized='view') }}
with parts as (
    select
        tenant_id,
        assumeNotNull(expected_month) as month,
        department_id,
        department_name,
        manager_id,
        manager_name,
        open_deals,
        open_amount_base,
        weighted_amount_base,
        toDecimal64(0, 2) as target_amount_base,
        toDecimal64(0, 2) as won_amount_base
    from {{ ref('open_deals') }}
    -- A deal whose expected day has passed is expected on no day that is known.
    where expected_month is not null and not is_past_expected_close
    union all
    select
        tenant_id,
        assumeNotNull(month) as month,
        department_id,
        department_name,
        manager_id,
        manager_name,
        0 as open_deals,
        toDecimal64(0, 2) as open_amount_base,
        toDecimal64(0, 2) as weighted_amount_base,
        target_amount_base,
        -- Won to date.
        if(is_future, 0, won_amount_base) as won_amount_base
    from {{ ref('sales_by_month') }}
    where month is not null
)

select
    parts.tenant_id as tenant_id,
    cast(parts.month as Date32) as month,
    cast(any(parts.month = {{ first_of_month('tenants.as_of_day') }}) as Bool) as is_this_month,
    cast(any(toStartOfQuarter(parts.month) = toStartOfQuarter(tenants.as_of_day)) as Bool) as is_this_quarter,
    parts.department_id as department_id,
    any(parts.department_name) as department_name,
    parts.manager_id as manager_id,
    any(parts.manager_name) as manager_name,
    cast(sum(parts.open_deals) as UInt64) as open_deals,
    cast(sum(parts.open_amount_base) as Decimal(18, 2)) as open_amount_base,
    cast(sum(parts.weighted_amount_base) as Decimal(18, 2)) as weighted_amount_base,
    cast(sum(parts.target_amount_base) as Decimal(18, 2)) as target_amount_base,
    cast(sum(parts.won_amount_base) as Decimal(18, 2)) as won_amount_base,
    cast(sum(parts.target_amount_base) - sum(parts.won_amount_base) as Decimal(18, 2)) as left_amount_base
from parts
inner join {{ ref('dim_tenants') }} as tenants on parts.tenant_id = tenants.tenant_id
where
    parts.month >= toDate32(toStartOfQuarter(tenants.as_of_day))
    and parts.month <= addMonths({{ first_of_month('tenants.as_of_day') }}, 11)
group by tenant_id, month, department_id, manager_id
