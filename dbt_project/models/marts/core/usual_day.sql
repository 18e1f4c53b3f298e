-- Grain: tenant, weekday, quarter of an hour: what had happened by its beginning on a usual day, the median
-- of the last eight days of that weekday before the as-of day. Days before the tenant's first take no part;
-- fewer than four: no row.
with days as (
    select
        tenants.tenant_id as tenant_id,
        dates.day as day
    from {{ ref('dim_tenants') }} as tenants
    inner join {{ ref('dim_dates') }} as dates on true
    where
        dates.day < tenants.as_of_day
        and dates.day >= tenants.as_of_day - 56
        and dates.day >= tenants.first_day
),

-- A bound that is the same for all tenants, by which the facts are read; each tenant's own is asked for after that.
bounds as (
    select min(as_of_day) - 56 as first_day
    from {{ ref('dim_tenants') }}
),

events as (
    select
        leads.tenant_id as tenant_id,
        leads.created_day as day,
        {{ local_quarter('leads.created_at', 'tenants.timezone') }} as quarter,
        1 as leads,
        0 as deals,
        0 as won_deals,
        toDecimal64(0, 2) as won_amount_base,
        0 as completed_activities
    from {{ ref('fct_leads') }} as leads
    inner join {{ ref('dim_tenants') }} as tenants on leads.tenant_id = tenants.tenant_id
    where
        not leads.is_duplicate
        and leads.created_day >= tenants.as_of_day - 56
        and leads.created_day >= (select bounds.first_day from bounds)
    union all
    select
        deals.tenant_id as tenant_id,
        deals.created_day as day,
        {{ local_quarter('deals.created_at', 'tenants.timezone') }} as quarter,
        0 as leads,
        1 as deals,
        0 as won_deals,
        toDecimal64(0, 2) as won_amount_base,
        0 as completed_activities
    from {{ ref('fct_deals') }} as deals
    inner join {{ ref('dim_tenants') }} as tenants on deals.tenant_id = tenants.tenant_id
    where
        deals.created_day >= tenants.as_of_day - 56
        and deals.created_day >= (select bounds.first_day from bounds)
    union all
    select
        deals.tenant_id as tenant_id,
        assumeNotNull(deals.closed_day) as day,
        -- A close of which only the day is known counts from the beginning of the day, as it does today.
        coalesce({{ local_quarter('deals.closed_at', 'tenants.timezone') }}, 0) as quarter,
        0 as leads,
        0 as deals,
        1 as won_deals,
        coalesce(deals.amount_base, 0) as won_amount_base,
        0 as completed_activities
    from {{ ref('fct_deals') }} as deals
    inner join {{ ref('dim_tenants') }} as tenants on deals.tenant_id = tenants.tenant_id
    where
        deals.outcome = 'won'
        and deals.closed_day >= tenants.as_of_day - 56
        and deals.closed_day >= (select bounds.first_day from bounds)
    union all
    select
        activities.tenant_id as tenant_id,
        assumeNotNull(activities.completed_day) as day,
        assumeNotNull({{ local_quarter('activities.completed_at', 'tenants.timezone') }}) as quarter,
        0 as leads,
        0 as deals,
        0 as won_deals,
        toDecimal64(0, 2) as won_amount_base,
        1 as completed_activities
    from {{ ref('fct_activities') }} as activities
    inner join {{ ref('dim_tenants') }} as tenants on activities.tenant_id = tenants.tenant_id
    where
        activities.is_completed
        and activities.completed_day >= tenants.as_of_day - 56
        and activities.completed_day >= (select bounds.first_day from bounds)
),

quarters as (
    select
        tenant_id,
        day,
        quarter,
        sum(leads) as leads,
        sum(deals) as deals,
        sum(won_deals) as won_deals,
        sum(won_amount_base) as won_amount_base,
        sum(completed_activities) as completed_activities
    from events
    group by tenant_id, day, quarter
),

slots as (
    select
        tenant_id,
        day,
        toUInt8(arrayJoin(range(96))) as quarter
    from days
),

so_far as (
    select
        slots.tenant_id as tenant_id,
        slots.day as day,
        slots.quarter as quarter,
        coalesce(sum(quarters.leads) over earlier, 0) as leads,
        coalesce(sum(quarters.deals) over earlier, 0) as deals,
        coalesce(sum(quarters.won_deals) over earlier, 0) as won_deals,
        coalesce(sum(quarters.won_amount_base) over earlier, 0) as won_amount_base,
        coalesce(sum(quarters.completed_activities) over earlier, 0) as completed_activities
    from slots
    left join quarters
        on slots.tenant_id = quarters.tenant_id and slots.day = quarters.day and slots.quarter = quarters.quarter
    window earlier as (
        partition by slots.tenant_id, slots.day
        order by slots.quarter
        rows between unbounded preceding and 1 preceding
    )
)

select
    tenant_id,
    cast(toDayOfWeek(day) as UInt8) as weekday,
    quarter,
    cast(count() as UInt64) as days,
    cast({{ median_of('leads') }} as Decimal(18, 2)) as usual_leads,
    cast({{ median_of('deals') }} as Decimal(18, 2)) as usual_deals,
    cast({{ median_of('won_deals') }} as Decimal(18, 2)) as usual_won_deals,
    cast({{ median_of('won_amount_base') }} as Decimal(18, 2)) as usual_won_amount_base,
    cast({{ median_of('completed_activities') }} as Decimal(18, 2)) as usual_completed_activities
from so_far
group by tenant_id, weekday, quarter
having days >= {{ var('usual_day_least_days') }}
