-- Grain: tenant, day of the forecast, dimension, member, month and confidence: what was published, beside what came.
-- The fact is empty until the month is over; that of (others) is the whole without the members named then.
with forecasts as (
    select
        forecasts.tenant_id as tenant_id,
        forecasts.as_of as as_of,
        forecasts.dimension as dimension,
        forecasts.member_id as member_id,
        forecasts.month as month,
        forecasts.horizon as horizon,
        forecasts.confidence as confidence,
        forecasts.model as model,
        forecasts.forecast as forecast,
        forecasts.lower as lower,
        forecasts.upper as upper,
        forecasts.low_history as low_history,
        forecasts.month < {{ first_of_month('tenants.as_of_day') }} as is_over
    from {{ ref('stg_ml__sales_forecast') }} as forecasts
    inner join {{ ref('dim_tenants') }} as tenants on forecasts.tenant_id = tenants.tenant_id
    where forecasts.is_published
),

beside as (
    select
        forecasts.tenant_id as tenant_id,
        forecasts.as_of as as_of,
        forecasts.dimension as dimension,
        forecasts.member_id as member_id,
        forecasts.month as month,
        forecasts.horizon as horizon,
        forecasts.confidence as confidence,
        forecasts.model as model,
        forecasts.forecast as forecast,
        forecasts.lower as lower,
        forecasts.upper as upper,
        forecasts.low_history as low_history,
        forecasts.is_over as is_over,
        coalesce(facts.amount, 0) as named,
        coalesce(wholes.amount, 0) as whole
    from forecasts
    left join {{ ref('int_monthly_sales_by_member') }} as facts
        on
            forecasts.tenant_id = facts.tenant_id
            and forecasts.dimension = facts.dimension
            and forecasts.member_id = facts.member_id
            and forecasts.month = facts.month
    left join {{ ref('int_monthly_sales_by_member') }} as wholes
        on
            forecasts.tenant_id = wholes.tenant_id
            and forecasts.month = wholes.month
            and wholes.dimension = 'tenant'
),

known as (
    select
        tenant_id,
        as_of,
        dimension,
        member_id,
        month,
        horizon,
        confidence,
        model,
        forecast,
        lower,
        upper,
        low_history,
        whole - sum(named) over (partition by tenant_id, as_of, dimension, month, confidence) as remaining,
        cast(
            if(is_over, if(member_id = '(others)', remaining, named), null) as Nullable(Decimal(18, 2))
        ) as actual
    from beside
)

select
    known.tenant_id as tenant_id,
    cast(known.as_of as Date32) as as_of,
    cast(known.dimension as String) as dimension,
    known.member_id as member_id,
    {{ member_name('known', 'members') }} as member_name,
    known.month as month,
    known.horizon as horizon,
    known.confidence as confidence,
    cast(known.model as String) as model,
    known.low_history as low_history,
    known.forecast as forecast,
    known.lower as lower,
    known.upper as upper,
    known.actual as actual,
    cast(known.actual - known.forecast as Nullable(Decimal(18, 2))) as error,
    cast(abs(known.actual - known.forecast) as Nullable(Decimal(18, 2))) as absolute_error,
    cast(known.actual between known.lower and known.upper as Nullable(Bool)) as is_covered,
    cast(known.actual is not null as UInt64) as facts,
    cast(coalesce(is_covered, false) as UInt64) as facts_covered
from known
left join {{ ref('int_series_members') }} as members
    on
        known.tenant_id = members.tenant_id
        and known.dimension = members.dimension
        and known.member_id = members.member_id
