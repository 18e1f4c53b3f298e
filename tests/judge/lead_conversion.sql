-- Judge of report 4, lead to deal conversion: recomputed from the CRM's own tables, never from the replicas or the models.
-- Returns every row of the mart for all tenants, without source_group (an analysts' seed); one per key.
-- Quotes are from the metric rules. Parameter: as_of (timestamptz), the moment that "now" means.
with
-- "As-of day: that moment as a tenant-local date."
tenant as (
    select
        id as tenant_id,
        timezone,
        (%(as_of)s::timestamptz at time zone timezone)::date as as_of_day
    from tenants
),

-- "The tenant's first day is the earliest local creation day of a live lead, deal or activity."
first_born as (
    select tenant_id, min(created_at) as created_at from leads
    where deleted_at is null
    group by tenant_id
    union all
    select tenant_id, min(created_at) from deals
    where deleted_at is null
    group by tenant_id
    union all
    select tenant_id, min(created_at) from activities
    where deleted_at is null
    group by tenant_id
),

tenant_first_day as (
    select
        tenant.tenant_id,
        (min(first_born.created_at) at time zone tenant.timezone)::date as first_day
    from tenant
    inner join first_born on tenant.tenant_id = first_born.tenant_id
    group by tenant.tenant_id, tenant.timezone
),

-- "No owner, or an owner who is not among the tenant's live users: manager (none)."
-- "Department: the manager's current one. No department, or one that is not among the live departments: (none)."
live_user as (
    select
        users.tenant_id,
        users.id as user_id,
        users.full_name,
        departments.id as department_id,
        departments.name as department_name
    from users
    left join departments
        on
            departments.tenant_id = users.tenant_id
            and departments.id = users.department_id
            and departments.deleted_at is null
    where users.deleted_at is null
),

-- "A lead without a source, or with one that is not among the live sources of the tenant: source (none), type (none)."
live_source as (
    select tenant_id, id as source_id, name as source_name, source_type from lead_sources
    where deleted_at is null
),

-- "A live deal is neither deleted itself nor of another tenant." Won comes from the stage's outcome.
live_deal as (
    select
        deals.tenant_id,
        deals.id as deal_id,
        deals.lead_id,
        deals.owner_user_id,
        deals.created_at,
        coalesce(stages.outcome = 'won', false) as is_won
    from deals
    left join stages
        on stages.tenant_id = deals.tenant_id and stages.pipeline_id = deals.pipeline_id and stages.id = deals.stage_id
    where deals.deleted_at is null
),

-- "The numerator counts leads, not deals." "Converted when at least one live deal of the same tenant refers to it."
-- "won_leads: leads with at least one live linked deal whose outcome is won."
linked_deals as (
    select tenant_id, lead_id, min(created_at) as first_deal_created_at, bool_or(is_won) as any_won
    from live_deal
    where lead_id is not null
    group by tenant_id, lead_id
),

-- "Leads marked as duplicates are counted in nothing else, neither here nor in the conversion."
-- "Conversion moment: the lead's own converted_at where it is filled, else the creation of the first live linked deal."
-- "A value that the warehouse cannot hold (infinite timestamps, not-a-number) counts as empty": DateTime64 holds 1900 to 2299.
lead as (
    select
        leads.tenant_id,
        leads.source_id,
        leads.owner_user_id,
        leads.created_at,
        linked_deals.lead_id is not null as is_converted,
        coalesce(linked_deals.any_won, false) as is_won,
        case
            when linked_deals.lead_id is null then null
            when leads.converted_at >= '1900-01-01 00:00+00' and leads.converted_at < '2300-01-01 00:00+00'
                then leads.converted_at
            else linked_deals.first_deal_created_at
        end as conversion_moment
    from leads
    left join linked_deals on linked_deals.tenant_id = leads.tenant_id and linked_deals.lead_id = leads.id
    where leads.deleted_at is null and not leads.is_duplicate
),

-- "Lag: local conversion day minus local creation day, in days. Moment before the lead's creation: lag NULL."
dated_lead as (
    select
        lead.*,
        (lead.created_at at time zone tenant.timezone)::date as cohort_day,
        (lead.conversion_moment at time zone tenant.timezone)::date as conversion_day,
        case
            when lead.conversion_moment >= lead.created_at
                then
                    (lead.conversion_moment at time zone tenant.timezone)::date
                    - (lead.created_at at time zone tenant.timezone)::date
        end as lag
    from lead
    inner join tenant on tenant.tenant_id = lead.tenant_id
),

-- "p90 is the 90th percentile (linear interpolation between order statistics) of the lags of the tenant's converted leads."
-- Kept in exact tenths of a day: with zero-based rank 0.9 x (n - 1), a binary float would miss a cohort day now and then.
ranked_lag as (
    select
        tenant_id,
        lag,
        row_number() over (partition by tenant_id order by lag) - 1 as rank,
        9 * (count(*) over (partition by tenant_id) - 1) as rank_tenths
    from dated_lead
    where lag is not null
),

lag_p90 as (
    select
        tenant_id,
        10 * lower_lag + mod(rank_tenths, 10) * (coalesce(upper_lag, lower_lag) - lower_lag) as p90_tenths
    from (
        select
            tenant_id,
            rank_tenths,
            max(lag) filter (where rank = rank_tenths / 10) as lower_lag,
            max(lag) filter (where rank = rank_tenths / 10 + 1) as upper_lag
        from ranked_lag
        group by tenant_id, rank_tenths
    ) as neighbours
),

-- "Cohort rate: leads created in the period that ever converted / leads created in the period." "Within 30 days: lag <= 30."
-- "Moment before the lead's creation: counted in negative_lag_leads, converted all the same, not in the 30, 60 and 90."
cohort_row as (
    select
        tenant_id,
        cohort_day as day,
        source_id,
        owner_user_id,
        1 as leads,
        is_converted::integer as converted_leads,
        coalesce(lag <= 30, false)::integer as converted_30d,
        coalesce(lag <= 60, false)::integer as converted_60d,
        coalesce(lag <= 90, false)::integer as converted_90d,
        is_won::integer as won_leads,
        0 as period_converted_leads,
        (is_converted and lag is null)::integer as negative_lag_leads,
        0 as direct_deals
    from dated_lead
),

-- "period_converted_leads on the local day of the conversion moment; the lead's own source, manager and department."
period_row as (
    select tenant_id, conversion_day, source_id, owner_user_id, 0, 0, 0, 0, 0, 0, 1, 0, 0
    from dated_lead
    where is_converted
),

-- "direct_deals: live deals without a lead (or whose lead is not a live lead of the tenant), on their local creation day,
-- with the deal's manager and department, source (none)."
direct_row as (
    select
        live_deal.tenant_id,
        (live_deal.created_at at time zone tenant.timezone)::date,
        null::bigint,
        live_deal.owner_user_id,
        0, 0, 0, 0, 0, 0, 0, 0, 1
    from live_deal
    inner join tenant on tenant.tenant_id = live_deal.tenant_id
    where not exists (
        select from leads
        where leads.tenant_id = live_deal.tenant_id and leads.id = live_deal.lead_id and leads.deleted_at is null
    )
),

-- "Zero rows: every live source x month, on the first day of the month, from the month of the tenant's first day to the
-- as-of month. Where a dimension is not part of the list, it is (none)."
zero_row as (
    select tenant.tenant_id, month.first_day::date, live_source.source_id, null::bigint, 0, 0, 0, 0, 0, 0, 0, 0, 0
    from tenant
    inner join tenant_first_day on tenant_first_day.tenant_id = tenant.tenant_id
    inner join live_source on live_source.tenant_id = tenant.tenant_id
    cross join lateral generate_series(
        date_trunc('month', tenant_first_day.first_day::timestamp), tenant.as_of_day::timestamp, interval '1 month'
    ) as month (first_day)
),

report_row as (
    select * from cohort_row
    union all
    select * from period_row
    union all
    select * from direct_row
    union all
    select * from zero_row
),

-- "A cohort day is mature when as-of day - cohort day >= p90; without any lag nothing is mature."
-- "A source without a type has type (none)."
named_row as (
    select
        report_row.tenant_id,
        report_row.day,
        date_trunc('month', report_row.day::timestamp)::date as month,
        coalesce(live_source.source_id::text, '(none)') as source_id,
        coalesce(live_source.source_name, '(none)') as source_name,
        coalesce(live_source.source_type, '(none)') as source_type,
        coalesce(live_user.department_id::text, '(none)') as department_id,
        coalesce(live_user.department_name, '(none)') as department_name,
        coalesce(live_user.user_id::text, '(none)') as manager_id,
        coalesce(live_user.full_name, '(none)') as manager_name,
        coalesce(10 * (tenant.as_of_day - report_row.day) >= lag_p90.p90_tenths, false) as is_mature,
        report_row.leads,
        report_row.converted_leads,
        report_row.converted_30d,
        report_row.converted_60d,
        report_row.converted_90d,
        report_row.won_leads,
        report_row.period_converted_leads,
        report_row.negative_lag_leads,
        report_row.direct_deals
    from report_row
    inner join tenant on tenant.tenant_id = report_row.tenant_id
    left join lag_p90 on lag_p90.tenant_id = report_row.tenant_id
    left join live_source
        on live_source.tenant_id = report_row.tenant_id and live_source.source_id = report_row.source_id
    left join live_user
        on live_user.tenant_id = report_row.tenant_id and live_user.user_id = report_row.owner_user_id
)

select
    tenant_id,
    day,
    month,
    source_id,
    source_name,
    source_type,
    department_id,
    department_name,
    manager_id,
    manager_name,
    is_mature,
    sum(leads) as leads,
    sum(converted_leads) as converted_leads,
    sum(converted_30d) as converted_30d,
    sum(converted_60d) as converted_60d,
    sum(converted_90d) as converted_90d,
    sum(won_leads) as won_leads,
    sum(period_converted_leads) as period_converted_leads,
    sum(negative_lag_leads) as negative_lag_leads,
    sum(direct_deals) as direct_deals
from named_row
group by
    tenant_id,
    day,
    month,
    source_id,
    source_name,
    source_type,
    department_id,
    department_name,
    manager_id,
    manager_name,
    is_mature
