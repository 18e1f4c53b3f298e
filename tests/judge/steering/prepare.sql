-- What the judges of the marts of steering share: tenants, users, deals and activities as docs/metrics.md defines them, from
-- the CRM's own tables. Setting: judge.as_of, the moment that "now" means. Tables judge_target (the plan, which no CRM
-- holds) and judge_score (the models' chances of winning) are filled before.
drop table if exists judge_tenant, judge_user, judge_deal, judge_activity;

create temporary table judge_tenant as
select
    tenants.id as tenant_id,
    tenants.timezone,
    tenants.currency,
    current_setting('judge.as_of')::timestamptz as as_of,
    (current_setting('judge.as_of')::timestamptz at time zone tenants.timezone)::date as as_of_day,
    (
        select (min(born.created_at) at time zone tenants.timezone)::date
        from (
            select created_at, tenant_id from leads
            where deleted_at is null
            union all
            select created_at, tenant_id from deals
            where deleted_at is null
            union all
            select created_at, tenant_id from activities
            where deleted_at is null
        ) as born
        where born.tenant_id = tenants.id
    ) as first_day
from tenants;

create temporary table judge_user as
select
    users.tenant_id,
    users.id as user_id,
    users.full_name,
    users.role,
    users.is_active,
    (users.created_at at time zone judge_tenant.timezone)::date as created_day,
    case
        when users.deactivated_at >= '1900-01-01 00:00+00' and users.deactivated_at < '2300-01-01 00:00+00'
            then (users.deactivated_at at time zone judge_tenant.timezone)::date
    end as deactivated_day,
    coalesce(departments.id::text, '(none)') as department_id,
    coalesce(departments.name, '(none)') as department_name
from users
inner join judge_tenant on judge_tenant.tenant_id = users.tenant_id
left join departments
    on
        departments.tenant_id = users.tenant_id
        and departments.id = users.department_id
        and departments.deleted_at is null
where users.deleted_at is null;

-- "A deal's history covers it when the last history row names the current pipeline and stage": then the close is the first
-- row after the last one of another outcome, else the CRM's own moment.
create temporary table judge_deal as
with live as (
    select
        deals.*,
        stages.name as stage_name,
        stages.probability,
        stages.outcome,
        judge_tenant.timezone,
        judge_tenant.currency as tenant_currency,
        judge_tenant.as_of_day
    from deals
    inner join judge_tenant on judge_tenant.tenant_id = deals.tenant_id
    inner join stages on stages.pipeline_id = deals.pipeline_id and stages.id = deals.stage_id
    where deals.deleted_at is null
),

history as (
    select
        deal_stage_history.deal_id,
        deal_stage_history.changed_at,
        deal_stage_history.id,
        deal_stage_history.pipeline_id = live.pipeline_id and deal_stage_history.stage_id = live.stage_id as is_current,
        coalesce(stages.outcome != live.outcome, true) as is_other
    from deal_stage_history
    inner join live on live.id = deal_stage_history.deal_id
    left join stages on stages.pipeline_id = deal_stage_history.pipeline_id and stages.id = deal_stage_history.stage_id
),

last_row as (
    select distinct on (deal_id) deal_id, is_current from history
    order by deal_id asc, changed_at desc, id desc
),

last_other as (
    select distinct on (deal_id) deal_id, changed_at, id from history
    where is_other
    order by deal_id asc, changed_at desc, id desc
),

run_began as (
    select history.deal_id, min(history.changed_at) as began_at
    from history
    left join last_other on last_other.deal_id = history.deal_id
    where last_other.deal_id is null or (history.changed_at, history.id) > (last_other.changed_at, last_other.id)
    group by history.deal_id
),

closed as (
    select
        live.*,
        case
            when live.outcome = 'open' then null
            when last_row.is_current then run_began.began_at
            when live.closed_at >= '1900-01-01 00:00+00' and live.closed_at < '2300-01-01 00:00+00' then live.closed_at
        end as close_moment
    from live
    left join last_row on last_row.deal_id = live.id
    left join run_began on run_began.deal_id = live.id
)

select
    closed.tenant_id,
    closed.id as deal_id,
    closed.title,
    closed.outcome,
    closed.stage_id,
    closed.stage_name,
    closed.probability,
    closed.lead_id,
    (closed.created_at at time zone closed.timezone)::date as created_day,
    closed.created_at,
    case
        when closed.expected_close_on between '1900-01-01' and '2299-12-31' then closed.expected_close_on
    end as expected_close_on,
    closed.close_moment,
    (closed.close_moment at time zone closed.timezone)::date as close_day,
    coalesce((closed.close_moment at time zone closed.timezone)::date > closed.as_of_day, false) as is_future,
    coalesce(pipelines.id::text, '(none)') as pipeline_id,
    coalesce(pipelines.name, '(none)') as pipeline_name,
    coalesce(judge_user.user_id::text, '(none)') as manager_id,
    coalesce(judge_user.full_name, '(none)') as manager_name,
    coalesce(judge_user.department_id, '(none)') as department_id,
    coalesce(judge_user.department_name, '(none)') as department_name,
    case
        when companies.id is not null then 'company'
        when contacts.id is not null then 'contact'
        else '(none)'
    end as customer_kind,
    coalesce(companies.id::text, contacts.id::text, '(none)') as customer_id,
    coalesce(companies.name, contacts.id::text, '(none)') as customer_name,
    nullif(closed.amount, 'NaN') as amount,
    round(
        nullif(closed.amount, 'NaN') * case when closed.currency = closed.tenant_currency then 1 else rated.rate end, 2
    ) as amount_base
from closed
left join pipelines on pipelines.id = closed.pipeline_id and pipelines.deleted_at is null
left join judge_user on judge_user.tenant_id = closed.tenant_id and judge_user.user_id = closed.owner_user_id
left join companies
    on companies.tenant_id = closed.tenant_id and companies.id = closed.company_id and companies.deleted_at is null
left join contacts
    on contacts.tenant_id = closed.tenant_id and contacts.id = closed.contact_id and contacts.deleted_at is null
left join lateral (
    select exchange_rates.rate
    from exchange_rates
    where
        exchange_rates.tenant_id = closed.tenant_id
        and exchange_rates.currency = closed.currency
        and exchange_rates.rate_on
        <= coalesce((closed.close_moment at time zone closed.timezone)::date, closed.as_of_day)
        and exchange_rates.rate_on
        >= coalesce((closed.close_moment at time zone closed.timezone)::date, closed.as_of_day) - 14
    order by exchange_rates.rate_on desc
    limit 1
) as rated on true;

create temporary table judge_activity as
with moments as (
    select
        activities.*,
        case activities.kind when 'todo' then 'task' when 'visit' then 'other' else activities.kind end as activity_type,
        case
            when activities.due_at >= '1900-01-01 00:00+00' and activities.due_at < '2300-01-01 00:00+00'
                then activities.due_at
        end as due_moment,
        case
            when
                activities.completed_at >= '1900-01-01 00:00+00' and activities.completed_at < '2300-01-01 00:00+00'
                then activities.completed_at
            else activities.updated_at
        end as done_moment
    from activities
    where activities.deleted_at is null
)

select
    moments.tenant_id,
    moments.id as activity_id,
    moments.activity_type,
    moments.deal_id,
    moments.status in ('planned', 'in_progress') as is_open,
    moments.status = 'done' as is_done,
    moments.done_moment,
    (moments.done_moment at time zone judge_tenant.timezone)::date as done_day,
    (moments.due_moment at time zone judge_tenant.timezone)::date as due_day,
    coalesce(
        moments.status in ('planned', 'in_progress')
        and moments.activity_type = 'task'
        and moments.due_moment < judge_tenant.as_of,
        false
    ) as is_overdue_task,
    coalesce(judge_user.user_id::text, '(none)') as manager_id,
    coalesce(judge_user.department_id, '(none)') as department_id
from moments
inner join judge_tenant on judge_tenant.tenant_id = moments.tenant_id
left join judge_user on judge_user.tenant_id = moments.tenant_id and judge_user.user_id = moments.assignee_user_id;

analyze judge_tenant;
analyze judge_user;
analyze judge_deal;
analyze judge_activity;
