-- Judge of the usual day, from the tables of prepare.sql.
with event as (
    select tenant_id, created_at as moment, 'lead' as kind, 0::numeric as sold from leads
    where deleted_at is null and not is_duplicate
    union all
    select tenant_id, created_at, 'deal', 0 from judge_deal
    union all
    select tenant_id, close_moment, 'won', coalesce(amount_base, 0) from judge_deal
    where outcome = 'won'
    union all
    select tenant_id, done_moment, 'activity', 0 from judge_activity
    where is_done
),

placed as (
    select
        event.tenant_id,
        (event.moment at time zone tenant.timezone)::date as day,
        floor(extract(epoch from (event.moment at time zone tenant.timezone)::time) / 900) as quarter,
        event.kind,
        event.sold
    from event
    inner join judge_tenant as tenant on tenant.tenant_id = event.tenant_id
    where event.moment >= tenant.as_of - interval '60 days'
),

counted as (
    select
        tenant_id,
        day,
        quarter,
        count(*) filter (where kind = 'lead') as leads,
        count(*) filter (where kind = 'deal') as deals,
        count(*) filter (where kind = 'won') as won_deals,
        sum(sold) as sold,
        count(*) filter (where kind = 'activity') as activities
    from placed
    group by tenant_id, day, quarter
),

-- What a day held when a quarter began: all up to its end, less its own.
so_far as (
    select
        tenant.tenant_id,
        days.day::date as day,
        quarters.number as quarter,
        (sum(counted.leads) over day_up_to - coalesce(counted.leads, 0))::bigint as leads,
        (sum(counted.deals) over day_up_to - coalesce(counted.deals, 0))::bigint as deals,
        (sum(counted.won_deals) over day_up_to - coalesce(counted.won_deals, 0))::bigint as won_deals,
        sum(counted.sold) over day_up_to - coalesce(counted.sold, 0) as sold,
        (sum(counted.activities) over day_up_to - coalesce(counted.activities, 0))::bigint as activities
    from judge_tenant as tenant
    cross join
        lateral generate_series(
            greatest(tenant.as_of_day - 56, tenant.first_day)::timestamp, (tenant.as_of_day - 1)::timestamp, interval '1 day'
        ) as days (day)
    cross join generate_series(0, 95) as quarters (number)
    left join counted
        on counted.tenant_id = tenant.tenant_id and counted.day = days.day and counted.quarter = quarters.number
    window day_up_to as (partition by tenant.tenant_id, days.day order by quarters.number)
),

ordered as (
    select
        tenant_id,
        extract(isodow from day)::integer as weekday,
        quarter,
        count(*)::integer as days,
        array_agg(coalesce(leads, 0) order by coalesce(leads, 0)) as leads,
        array_agg(coalesce(deals, 0) order by coalesce(deals, 0)) as deals,
        array_agg(coalesce(won_deals, 0) order by coalesce(won_deals, 0)) as won_deals,
        array_agg(coalesce(sold, 0) order by coalesce(sold, 0)) as sold,
        array_agg(coalesce(activities, 0) order by coalesce(activities, 0)) as activities
    from so_far
    group by tenant_id, extract(isodow from day), quarter
    having count(*) >= 4
)

select
    tenant_id,
    weekday,
    quarter,
    days,
    (leads[(days + 1) / 2] + leads[days / 2 + 1]) / 2.0 as usual_leads,
    (deals[(days + 1) / 2] + deals[days / 2 + 1]) / 2.0 as usual_deals,
    (won_deals[(days + 1) / 2] + won_deals[days / 2 + 1]) / 2.0 as usual_won_deals,
    round((sold[(days + 1) / 2] + sold[days / 2 + 1]) / 2, 2) as usual_won_amount_base,
    (activities[(days + 1) / 2] + activities[days / 2 + 1]) / 2.0 as usual_completed_activities
from ordered
