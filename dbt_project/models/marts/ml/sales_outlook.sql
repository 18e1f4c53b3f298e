-- Grain: tenant, dimension, member and month, from 36 months before the tenant's day to the last month ahead: what was
-- won, what was planned, and the newest published forecast of the month. Of a month that is over that is the last one
-- that knew nothing of it. Plans exist for the whole, departments and managers.
with firsts as (
    select
        tenant_id,
        dimension,
        assumeNotNull(member_id) as member_id,
        min(month) as first_month
    from {{ ref('int_monthly_sales_by_member') }}
    group by tenant_id, dimension, member_id
),

spine as (
    select
        firsts.tenant_id as tenant_id,
        firsts.dimension as dimension,
        firsts.member_id as member_id,
        dates.month as month
    from firsts
    inner join {{ ref('dim_dates') }} as dates on true
    where dates.day = dates.month and dates.month >= firsts.first_month
),

plans as (
    select
        tenant_id,
        arrayJoin(
            [('tenant', ''), ('department', assumeNotNull(department_id)), ('manager', assumeNotNull(manager_id))]
        ) as place,
        month,
        target_amount_base as plan
    from {{ ref('fct_sales_targets') }}
),

forecasts as (
    select
        tenant_id,
        dimension,
        member_id,
        month,
        toNullable(max(as_of)) as forecast_of,
        toNullable(cast(argMax(model, as_of) as String)) as model,
        toNullable(argMax(forecast, as_of)) as forecast,
        argMaxOrNullIf(lower, as_of, confidence = 0.8) as lower_80,
        argMaxOrNullIf(upper, as_of, confidence = 0.8) as upper_80,
        argMaxOrNullIf(lower, as_of, confidence = 0.95) as lower_95,
        argMaxOrNullIf(upper, as_of, confidence = 0.95) as upper_95
    from {{ ref('stg_ml__sales_forecast') }}
    where is_published
    group by tenant_id, dimension, member_id, month
),

keys as (
    select
        tenant_id,
        dimension,
        member_id,
        month
    from spine
    union distinct
    select
        tenant_id,
        place.1 as dimension,
        place.2 as member_id,
        month
    from plans
    union distinct
    select
        tenant_id,
        dimension,
        member_id,
        month
    from forecasts
),

planned as (
    select
        tenant_id,
        place,
        month,
        toNullable(sum(plan)) as plan
    from plans
    group by tenant_id, place, month
)

select
    keys.tenant_id as tenant_id,
    cast(keys.dimension as String) as dimension,
    keys.member_id as member_id,
    {{ member_name('keys', 'members') }} as member_name,
    cast(keys.month as Date32) as month,
    cast(dateDiff('month', tenants.as_of_day, keys.month) as Int16) as months_ahead,
    cast(months_ahead between -12 and 6 as Bool) as is_near,
    cast(months_ahead < 0 as Bool) as is_over,
    forecasts.forecast_of as forecast_of,
    cast(forecasts.model as Nullable(String)) as model,
    cast(
        if(months_ahead > 0 or keys.member_id = '(others)', null, coalesce(facts.amount, 0)) as Nullable(Decimal(18, 2))
    ) as won_amount,
    cast(if(is_over, won_amount, null) as Nullable(Decimal(18, 2))) as actual,
    cast(planned.plan as Nullable(Decimal(18, 2))) as plan,
    cast(forecasts.forecast as Nullable(Decimal(18, 2))) as forecast,
    cast(forecasts.lower_80 as Nullable(Decimal(18, 2))) as lower_80,
    cast(forecasts.upper_80 as Nullable(Decimal(18, 2))) as upper_80,
    cast(forecasts.lower_95 as Nullable(Decimal(18, 2))) as lower_95,
    cast(forecasts.upper_95 as Nullable(Decimal(18, 2))) as upper_95
from keys
inner join {{ ref('dim_tenants') }} as tenants on keys.tenant_id = tenants.tenant_id
left join {{ ref('int_monthly_sales_by_member') }} as facts
    on
        keys.tenant_id = facts.tenant_id
        and keys.dimension = facts.dimension
        and keys.member_id = facts.member_id
        and keys.month = facts.month
left join planned
    on
        keys.tenant_id = planned.tenant_id
        and keys.dimension = planned.place.1
        and keys.member_id = planned.place.2
        and keys.month = planned.month
left join forecasts
    on
        keys.tenant_id = forecasts.tenant_id
        and keys.dimension = forecasts.dimension
        and keys.member_id = forecasts.member_id
        and keys.month = forecasts.month
left join {{ ref('int_series_members') }} as members
    on
        keys.tenant_id = members.tenant_id
        and keys.dimension = members.dimension
        and keys.member_id = members.member_id
where keys.month >= addMonths({{ first_of_month('tenants.as_of_day') }}, -36)
