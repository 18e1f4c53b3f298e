-- Judge of report 1, sales by month: recomputed from the CRM's own tables, never from the replicas or the models.
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

-- "An owner who is not among the tenant's live users: manager (none)."
-- "Department: the manager's current one. No department, or one that is not among the live departments: (none)."
live_user as (
    select
        users.tenant_id,
        users.id as user_id,
        users.full_name,
        users.role,
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

live_pipeline as (
    select tenant_id, id as pipeline_id, name as pipeline_name from pipelines
    where deleted_at is null
),

-- "Won, lost and open come from the stage's outcome, never from a stage name." "Reopened: the deal leaves its month at once."
-- "A value that the warehouse cannot hold (infinite timestamps, not-a-number) counts as empty": DateTime64 holds 1900 to 2299.
won_deal as (
    select
        deals.id,
        deals.tenant_id,
        deals.pipeline_id,
        deals.stage_id,
        deals.owner_user_id,
        nullif(deals.amount, 'NaN') as amount,
        deals.currency,
        case
            when deals.closed_at >= '1900-01-01 00:00+00' and deals.closed_at < '2300-01-01 00:00+00' then deals.closed_at
        end as closed_at
    from deals
    inner join stages
        on stages.tenant_id = deals.tenant_id and stages.pipeline_id = deals.pipeline_id and stages.id = deals.stage_id
    where deals.deleted_at is null and stages.outcome = 'won'
),

-- "A row's outcome is that of its own pipeline and stage." Rows of the final run have no row of another outcome after them.
history_from_the_end as (
    select
        won_deal.id as deal_id,
        history.changed_at,
        (history.pipeline_id = won_deal.pipeline_id and history.stage_id = won_deal.stage_id) as is_current_stage,
        row_number() over newest_first as row_from_the_end,
        count(*) filter (where stages.outcome is distinct from 'won') over newest_first as other_outcomes_since
    from won_deal
    inner join deal_stage_history as history
        on history.tenant_id = won_deal.tenant_id and history.deal_id = won_deal.id
    left join stages
        on
            stages.tenant_id = history.tenant_id
            and stages.pipeline_id = history.pipeline_id
            and stages.id = history.stage_id
    window newest_first as (partition by won_deal.id order by history.changed_at desc, history.id desc)
),

-- "A deal's history covers it when the last history row (by changed_at, then by numeric id) names the current pipeline and
-- the current stage." "The changed_at of the first row of the unbroken run of rows with the current outcome."
history_close as (
    select
        deal_id,
        bool_or(row_from_the_end = 1 and is_current_stage) as covers,
        min(changed_at) filter (where other_outcomes_since = 0) as run_began_at
    from history_from_the_end
    group by deal_id
),

-- "Not covered: the mapped closed_at of the deal."
closed_deal as (
    select
        won_deal.*,
        case when history_close.covers then history_close.run_began_at else won_deal.closed_at end as close_moment
    from won_deal
    left join history_close on history_close.deal_id = won_deal.id
),

-- "The owner of the last owner-history row with changed_at <= closed_at."
last_owner_until_close as (
    select distinct on (closed_deal.id) closed_deal.id as deal_id, history.owner_user_id
    from closed_deal
    inner join deal_owner_history as history
        on
            history.tenant_id = closed_deal.tenant_id
            and history.deal_id = closed_deal.id
            and history.changed_at <= closed_deal.close_moment
    order by closed_deal.id asc, history.changed_at desc, history.id desc
),

-- "Where all rows are later, the from_owner_user_id of the first row."
owner_before_first_row as (
    select distinct on (closed_deal.id) closed_deal.id as deal_id, history.from_owner_user_id
    from closed_deal
    inner join deal_owner_history as history
        on history.tenant_id = closed_deal.tenant_id and history.deal_id = closed_deal.id
    order by closed_deal.id, history.changed_at, history.id
),

-- "Neither: no close day." "Rate day: the close day; the as-of day of a closed deal without a close day."
dated_deal as (
    select
        closed_deal.tenant_id,
        closed_deal.pipeline_id,
        closed_deal.owner_user_id,
        case
            when closed_deal.close_moment is null then closed_deal.owner_user_id
            when last_owner_until_close.deal_id is not null then last_owner_until_close.owner_user_id
            when owner_before_first_row.deal_id is not null then owner_before_first_row.from_owner_user_id
            else closed_deal.owner_user_id
        end as owner_at_close_user_id,
        closed_deal.amount,
        closed_deal.currency,
        tenant.currency as tenant_currency,
        tenant.as_of_day,
        (closed_deal.close_moment at time zone tenant.timezone)::date as close_day
    from closed_deal
    inner join tenant on tenant.tenant_id = closed_deal.tenant_id
    left join last_owner_until_close on last_owner_until_close.deal_id = closed_deal.id
    left join owner_before_first_row on owner_before_first_row.deal_id = closed_deal.id
),

-- "A deal in the tenant's own currency has rate 1. Otherwise the rate is the latest one dated on or before the rate day
-- and at most 14 days older than it." "round(amount x rate, 2), half away from zero, per deal."
valued_deal as (
    select
        dated_deal.*,
        case
            when dated_deal.currency = dated_deal.tenant_currency then round(dated_deal.amount, 2)
            else round(dated_deal.amount * latest.rate, 2)
        end as amount_base
    from dated_deal
    left join lateral (
        select exchange_rates.rate
        from exchange_rates
        where
            exchange_rates.tenant_id = dated_deal.tenant_id
            and exchange_rates.currency = dated_deal.currency
            and exchange_rates.rate_on <= coalesce(dated_deal.close_day, dated_deal.as_of_day)
            and exchange_rates.rate_on >= coalesce(dated_deal.close_day, dated_deal.as_of_day) - 14
        order by exchange_rates.rate_on desc
        limit 1
    ) as latest on true
),

-- "Won with amount NULL counts as a deal with 0 and in deals_without_amount." "Only deals that have an amount are counted in
-- deals_without_rate." "is_future: the close day lies after the as-of day."
sale as (
    select
        tenant_id,
        close_day as day,
        owner_user_id,
        owner_at_close_user_id,
        pipeline_id,
        coalesce(close_day > as_of_day, false) as is_future,
        1 as won_deals,
        coalesce(amount_base, 0) as won_amount_base,
        (amount is null)::integer as deals_without_amount,
        (amount is not null and amount_base is null)::integer as deals_without_rate
    from valued_deal
),

-- "Zero rows: every live manager x live pipeline x month, on the first day of the month, from the month of the tenant's
-- first day to the as-of month. Where a dimension is not part of the list, it is (none)."
zero_row as (
    select
        tenant.tenant_id,
        month.first_day::date as day,
        live_user.user_id,
        null::bigint as owner_at_close_user_id,
        live_pipeline.pipeline_id,
        false as is_future,
        0 as won_deals,
        0::numeric as won_amount_base,
        0 as deals_without_amount,
        0 as deals_without_rate
    from tenant
    inner join tenant_first_day on tenant_first_day.tenant_id = tenant.tenant_id
    inner join live_user on live_user.tenant_id = tenant.tenant_id and live_user.role = 'manager'
    inner join live_pipeline on live_pipeline.tenant_id = tenant.tenant_id
    cross join lateral generate_series(
        date_trunc('month', tenant_first_day.first_day::timestamp), tenant.as_of_day::timestamp, interval '1 month'
    ) as month (first_day)
),

report_row as (
    select * from sale
    union all
    select * from zero_row
),

named_row as (
    select
        report_row.tenant_id,
        report_row.day,
        date_trunc('month', report_row.day::timestamp)::date as month,
        coalesce(owner.department_id::text, '(none)') as department_id,
        coalesce(owner.department_name, '(none)') as department_name,
        coalesce(owner.user_id::text, '(none)') as manager_id,
        coalesce(owner.full_name, '(none)') as manager_name,
        coalesce(owner_at_close.user_id::text, '(none)') as manager_at_close_id,
        coalesce(owner_at_close.full_name, '(none)') as manager_at_close_name,
        coalesce(live_pipeline.pipeline_id::text, '(none)') as pipeline_id,
        coalesce(live_pipeline.pipeline_name, '(none)') as pipeline_name,
        report_row.is_future,
        report_row.won_deals,
        report_row.won_amount_base,
        report_row.deals_without_amount,
        report_row.deals_without_rate
    from report_row
    left join live_user as owner
        on owner.tenant_id = report_row.tenant_id and owner.user_id = report_row.owner_user_id
    left join live_user as owner_at_close
        on owner_at_close.tenant_id = report_row.tenant_id and owner_at_close.user_id = report_row.owner_at_close_user_id
    left join live_pipeline
        on live_pipeline.tenant_id = report_row.tenant_id and live_pipeline.pipeline_id = report_row.pipeline_id
)

select
    tenant_id,
    day,
    month,
    department_id,
    department_name,
    manager_id,
    manager_name,
    manager_at_close_id,
    manager_at_close_name,
    pipeline_id,
    pipeline_name,
    is_future,
    sum(won_deals) as won_deals,
    sum(won_amount_base)::numeric(18, 2) as won_amount_base,
    sum(deals_without_amount) as deals_without_amount,
    sum(deals_without_rate) as deals_without_rate
from named_row
group by
    tenant_id,
    day,
    month,
    department_id,
    department_name,
    manager_id,
    manager_name,
    manager_at_close_id,
    manager_at_close_name,
    pipeline_id,
    pipeline_name,
    is_future
