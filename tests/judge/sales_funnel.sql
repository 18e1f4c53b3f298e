-- Judge of report 5, sales funnel: recomputed from the CRM's own tables, never from the replicas or the models.
-- Returns every row of the mart for all tenants, one per key.
-- Quotes are from the metric rules. Parameter: as_of (timestamptz), the moment that "now" means.
with
-- "As-of day: that moment as a tenant-local date."
tenant as (
    select
        id as tenant_id,
        timezone,
        currency,
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

-- "Stage ids are joined together with their pipeline id."
live_stage as (
    select
        stages.tenant_id,
        stages.pipeline_id,
        pipelines.name as pipeline_name,
        stages.id as stage_id,
        stages.name as stage_name,
        stages.position,
        stages.outcome
    from stages
    inner join pipelines
        on
            pipelines.tenant_id = stages.tenant_id
            and pipelines.id = stages.pipeline_id
            and pipelines.deleted_at is null
    where stages.deleted_at is null
),

-- "A funnel stage is a live stage whose outcome is not lost. The first stage has the smallest position of its pipeline."
funnel as (
    select tenant_id, pipeline_id, min(position) as first_position, max(position) as last_position
    from live_stage
    where outcome <> 'lost'
    group by tenant_id, pipeline_id
),

-- "Won, lost and open come from the stage's outcome." "Cohort day in both modes: the local creation day of the deal."
-- "A value that the warehouse cannot hold (infinite timestamps, not-a-number) counts as empty": DateTime64 holds 1900 to 2299.
deal as (
    select
        deals.tenant_id,
        deals.id as deal_id,
        deals.pipeline_id,
        deals.stage_id,
        stages.outcome,
        deals.owner_user_id,
        nullif(deals.amount, 'NaN') as amount,
        deals.currency,
        case
            when deals.closed_at >= '1900-01-01 00:00+00' and deals.closed_at < '2300-01-01 00:00+00' then deals.closed_at
        end as mapped_closed_at,
        deals.created_at,
        (deals.created_at at time zone tenant.timezone)::date as cohort_day,
        tenant.timezone,
        tenant.currency as tenant_currency,
        tenant.as_of_day
    from deals
    inner join tenant on tenant.tenant_id = deals.tenant_id
    left join stages
        on stages.tenant_id = deals.tenant_id and stages.pipeline_id = deals.pipeline_id and stages.id = deals.stage_id
    where deals.deleted_at is null
),

-- "A deal's history rows of all pipelines in order (changed_at, then numeric id)."
-- Rows of the final run of the current outcome have no row of another outcome after them.
history as (
    select
        deal.deal_id,
        deal.created_at as deal_created_at,
        deal.pipeline_id as current_pipeline_id,
        moved.tenant_id,
        moved.pipeline_id,
        moved.from_stage_id,
        moved.stage_id,
        moved.changed_at,
        (moved.pipeline_id = deal.pipeline_id and moved.stage_id = deal.stage_id) as is_current_stage,
        row_number() over oldest_first as row_from_the_start,
        row_number() over newest_first as row_from_the_end,
        lead(moved.changed_at) over oldest_first as next_changed_at,
        count(*) filter (where stages.outcome is distinct from deal.outcome) over newest_first as other_outcomes_since
    from deal
    inner join deal_stage_history as moved
        on moved.tenant_id = deal.tenant_id and moved.deal_id = deal.deal_id
    left join stages
        on stages.tenant_id = moved.tenant_id and stages.pipeline_id = moved.pipeline_id and stages.id = moved.stage_id
    window
        oldest_first as (partition by deal.deal_id order by moved.changed_at, moved.id),
        newest_first as (partition by deal.deal_id order by moved.changed_at desc, moved.id desc)
),

-- "Covers it when the last history row names the current pipeline and the current stage." "The changed_at of the first row
-- of the unbroken run of rows with the current outcome (won, or lost) at the end of the history."
history_close as (
    select
        deal_id,
        bool_or(row_from_the_end = 1 and is_current_stage) as covers,
        min(changed_at) filter (where other_outcomes_since = 0) as run_began_at
    from history
    group by deal_id
),

-- "Rate day: the close day of a won or lost deal; the as-of day of an open deal and of a closed deal without a close day."
-- "Not covered: the mapped closed_at of the deal." "Open deals have no closed_at, whatever the CRM holds in that column."
rate_day_of_deal as (
    select
        deal.*,
        case
            when deal.outcome in ('won', 'lost')
                then (
                    case when history_close.covers then history_close.run_began_at else deal.mapped_closed_at end
                    at time zone deal.timezone
                )::date
        end as close_day
    from deal
    left join history_close on history_close.deal_id = deal.deal_id
),

-- "A deal in the tenant's own currency has rate 1. Otherwise the rate is the latest one dated on or before the rate day
-- and at most 14 days older than it." "round(amount x rate, 2), half away from zero, per deal."
valued_deal as (
    select
        rate_day_of_deal.*,
        case
            when rate_day_of_deal.currency = rate_day_of_deal.tenant_currency then round(rate_day_of_deal.amount, 2)
            else round(rate_day_of_deal.amount * latest.rate, 2)
        end as amount_base
    from rate_day_of_deal
    left join lateral (
        select exchange_rates.rate
        from exchange_rates
        where
            exchange_rates.tenant_id = rate_day_of_deal.tenant_id
            and exchange_rates.currency = rate_day_of_deal.currency
            and exchange_rates.rate_on <= coalesce(rate_day_of_deal.close_day, rate_day_of_deal.as_of_day)
            and exchange_rates.rate_on >= coalesce(rate_day_of_deal.close_day, rate_day_of_deal.as_of_day) - 14
        order by exchange_rates.rate_on desc
        limit 1
    ) as latest on true
),

-- "The from_stage_id of a deal's first history row counts as a row of its own."
-- "History rows of another pipeline, and of stages that no longer live, count for nothing."
stood as (
    select tenant_id, deal_id, current_pipeline_id, stage_id
    from history
    where pipeline_id = current_pipeline_id
    union
    select tenant_id, deal_id, current_pipeline_id, from_stage_id
    from history
    where pipeline_id = current_pipeline_id and row_from_the_start = 1 and from_stage_id is not null
),

highest_in_history as (
    select
        stood.deal_id,
        max(live_stage.position) filter (where live_stage.outcome = 'open') as open_position,
        max(live_stage.position) filter (where live_stage.outcome in ('open', 'won')) as open_or_won_position
    from stood
    inner join live_stage
        on
            live_stage.tenant_id = stood.tenant_id
            and live_stage.pipeline_id = stood.current_pipeline_id
            and live_stage.stage_id = stood.stage_id
    group by stood.deal_id
),

-- "Won now: the highest funnel position. Open now: the largest of its current stage's position and the positions of its
-- history rows with outcome open or won. Lost now: the largest position of its history rows with outcome open; without such
-- rows: the first stage, counted in lost_stage_unknown."
reached_deal as (
    select
        valued_deal.*,
        case valued_deal.outcome
            when 'won' then funnel.last_position
            when 'open' then greatest(live_stage.position, highest_in_history.open_or_won_position)
            when 'lost' then coalesce(highest_in_history.open_position, funnel.first_position)
        end as reached_position,
        (valued_deal.outcome = 'lost' and highest_in_history.open_position is null) as is_lost_stage_unknown
    from valued_deal
    inner join funnel
        on funnel.tenant_id = valued_deal.tenant_id and funnel.pipeline_id = valued_deal.pipeline_id
    left join live_stage
        on
            live_stage.tenant_id = valued_deal.tenant_id
            and live_stage.pipeline_id = valued_deal.pipeline_id
            and live_stage.stage_id = valued_deal.stage_id
    left join highest_in_history on highest_in_history.deal_id = valued_deal.deal_id
),

-- "A deal counts at every stage up to the highest position it ever reached."
reached_row as (
    select
        reached_deal.tenant_id,
        'reached' as mode,
        reached_deal.cohort_day as day,
        reached_deal.pipeline_id,
        live_stage.stage_id,
        reached_deal.owner_user_id,
        1 as deals,
        coalesce(reached_deal.amount_base, 0) as amount_base,
        (reached_deal.amount is null)::integer as deals_without_amount,
        (reached_deal.amount is not null and reached_deal.amount_base is null)::integer as deals_without_rate,
        reached_deal.is_lost_stage_unknown::integer as lost_stage_unknown,
        null::bigint as visit_seconds
    from reached_deal
    inner join live_stage
        on
            live_stage.tenant_id = reached_deal.tenant_id
            and live_stage.pipeline_id = reached_deal.pipeline_id
            and live_stage.outcome <> 'lost'
            and live_stage.position <= reached_deal.reached_position
),

-- "Each lasts until the next row, the last until as-of." "Where the first row has a from_stage_id and lies after the deal's
-- creation, a visit of that stage of that row's pipeline, from the deal's creation to that row, is added before it."
visit as (
    select
        tenant_id,
        deal_id,
        current_pipeline_id,
        pipeline_id,
        stage_id,
        changed_at as began_at,
        coalesce(next_changed_at, %(as_of)s::timestamptz) as ended_at
    from history
    union all
    select tenant_id, deal_id, current_pipeline_id, pipeline_id, from_stage_id, deal_created_at, changed_at
    from history
    where row_from_the_start = 1 and from_stage_id is not null and changed_at > deal_created_at
),

-- "Per deal and open stage of its current pipeline: the sum of its visits there, in whole seconds (each visit truncated,
-- never negative)."
visited_stage as (
    select
        visit.tenant_id,
        visit.deal_id,
        visit.pipeline_id,
        visit.stage_id,
        sum(greatest(floor(extract(epoch from visit.ended_at - visit.began_at)), 0))::bigint as visit_seconds
    from visit
    inner join live_stage
        on
            live_stage.tenant_id = visit.tenant_id
            and live_stage.pipeline_id = visit.pipeline_id
            and live_stage.stage_id = visit.stage_id
            and live_stage.outcome = 'open'
    where visit.pipeline_id = visit.current_pipeline_id
    group by visit.tenant_id, visit.deal_id, visit.pipeline_id, visit.stage_id
),

visit_row as (
    select
        deal.tenant_id,
        'reached',
        deal.cohort_day,
        visited_stage.pipeline_id,
        visited_stage.stage_id,
        deal.owner_user_id,
        0, 0::numeric, 0, 0, 0,
        visited_stage.visit_seconds
    from visited_stage
    inner join deal on deal.deal_id = visited_stage.deal_id
),

-- "Current: live deals by their stage now, lost stages included."
current_row as (
    select
        valued_deal.tenant_id,
        'current',
        valued_deal.cohort_day,
        valued_deal.pipeline_id,
        valued_deal.stage_id,
        valued_deal.owner_user_id,
        1,
        coalesce(valued_deal.amount_base, 0),
        (valued_deal.amount is null)::integer,
        (valued_deal.amount is not null and valued_deal.amount_base is null)::integer,
        0,
        null::bigint
    from valued_deal
),

-- "Zero rows: both modes, every live stage that the mode shows x month, on the first day of the month, from the month of the
-- tenant's first day to the as-of month. Where a dimension is not part of the list, it is (none)."
zero_row as (
    select
        tenant.tenant_id,
        mode.name,
        month.first_day::date,
        live_stage.pipeline_id,
        live_stage.stage_id,
        null::bigint,
        0, 0::numeric, 0, 0, 0,
        null::bigint
    from tenant
    inner join tenant_first_day on tenant_first_day.tenant_id = tenant.tenant_id
    cross join (values ('reached'), ('current')) as mode (name)
    inner join live_stage
        on live_stage.tenant_id = tenant.tenant_id and (mode.name = 'current' or live_stage.outcome <> 'lost')
    cross join lateral generate_series(
        date_trunc('month', tenant_first_day.first_day::timestamp), tenant.as_of_day::timestamp, interval '1 month'
    ) as month (first_day)
),

report_row as (
    select * from reached_row
    union all
    select * from visit_row
    union all
    select * from current_row
    union all
    select * from zero_row
),

-- An owner who is no live user is the same missing manager as no owner at all.
totals as (
    select
        report_row.tenant_id,
        report_row.mode,
        report_row.day,
        report_row.pipeline_id,
        report_row.stage_id,
        live_user.user_id,
        sum(report_row.deals) as deals,
        sum(report_row.amount_base) as amount_base,
        sum(report_row.deals_without_amount) as deals_without_amount,
        sum(report_row.deals_without_rate) as deals_without_rate,
        sum(report_row.lost_stage_unknown) as lost_stage_unknown,
        count(report_row.visit_seconds) as stage_visits,
        coalesce(sum(report_row.visit_seconds), 0)::bigint as seconds_in_stage,
        coalesce(
            array_agg(report_row.visit_seconds) filter (where report_row.visit_seconds is not null), '{}'
        ) as seconds_in_stage_values
    from report_row
    left join live_user
        on live_user.tenant_id = report_row.tenant_id and live_user.user_id = report_row.owner_user_id
    group by
        report_row.tenant_id,
        report_row.mode,
        report_row.day,
        report_row.pipeline_id,
        report_row.stage_id,
        live_user.user_id
)

select
    totals.tenant_id,
    totals.mode,
    totals.day,
    date_trunc('month', totals.day::timestamp)::date as month,
    live_stage.pipeline_id::text as pipeline_id,
    live_stage.pipeline_name,
    live_stage.stage_id,
    live_stage.stage_name,
    live_stage.position as stage_position,
    live_stage.outcome,
    coalesce(live_user.department_id::text, '(none)') as department_id,
    coalesce(live_user.department_name, '(none)') as department_name,
    coalesce(live_user.user_id::text, '(none)') as manager_id,
    coalesce(live_user.full_name, '(none)') as manager_name,
    totals.deals,
    totals.amount_base::numeric(18, 2) as amount_base,
    totals.deals_without_amount,
    totals.deals_without_rate,
    totals.lost_stage_unknown,
    totals.stage_visits,
    totals.seconds_in_stage,
    totals.seconds_in_stage_values
from totals
inner join live_stage
    on
        live_stage.tenant_id = totals.tenant_id
        and live_stage.pipeline_id = totals.pipeline_id
        and live_stage.stage_id = totals.stage_id
left join live_user on live_user.tenant_id = totals.tenant_id and live_user.user_id = totals.user_id
