-- Judge of report 2, manager activity: recomputed from the CRM's own tables, never from the replicas or the models.
-- Returns every row of the mart for all tenants, one per key.
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
        users.role,
        users.is_active,
        users.created_at,
        case
            when
                users.deactivated_at >= '1900-01-01 00:00+00' and users.deactivated_at < '2300-01-01 00:00+00'
                then users.deactivated_at
        end as deactivated_at,
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

-- "Activity types: task, call, meeting, email, other. Status: open, completed, cancelled, deferred."
-- Source values: todo is a task, visit is other; planned and in_progress are open, done is completed.
-- "A value that the warehouse cannot hold (infinite timestamps, not-a-number) counts as empty": DateTime64 holds 1900 to 2299.
live_activity as (
    select
        activities.tenant_id,
        activities.assignee_user_id,
        activities.duration_minutes,
        activities.updated_at,
        case
            when
                activities.completed_at >= '1900-01-01 00:00+00' and activities.completed_at < '2300-01-01 00:00+00'
                then activities.completed_at
        end as completed_at,
        case
            when activities.due_at >= '1900-01-01 00:00+00' and activities.due_at < '2300-01-01 00:00+00' then activities.due_at
        end as due_at,
        case activities.kind when 'todo' then 'task' when 'visit' then 'other' else activities.kind end as activity_type,
        case
            when activities.status in ('planned', 'in_progress') then 'open'
            when activities.status = 'done' then 'completed'
            else activities.status
        end as canonical_status
    from activities
    where activities.deleted_at is null
),

-- "Only completed counts." "The day is that of completed_at, or of updated_at where it is empty (counted in
-- completed_without_date)." "An empty duration adds 0." "Credited to the assignee."
completed as (
    select
        live_activity.tenant_id,
        (coalesce(live_activity.completed_at, live_activity.updated_at) at time zone tenant.timezone)::date as day,
        live_activity.assignee_user_id as user_id,
        (live_activity.activity_type = 'task')::integer as tasks,
        (live_activity.activity_type = 'call')::integer as calls,
        (live_activity.activity_type = 'meeting')::integer as meetings,
        (live_activity.activity_type = 'email')::integer as emails,
        (live_activity.activity_type = 'other')::integer as other,
        1 as total,
        coalesce(live_activity.duration_minutes, 0) as minutes,
        0 as overdue_open_tasks,
        (live_activity.completed_at is null)::integer as completed_without_date
    from live_activity
    inner join tenant on tenant.tenant_id = live_activity.tenant_id
    where live_activity.canonical_status = 'completed'
),

-- "overdue_open_tasks: open activities of type task due before as-of, shown on their local due day."
overdue as (
    select
        live_activity.tenant_id,
        (live_activity.due_at at time zone tenant.timezone)::date as day,
        live_activity.assignee_user_id as user_id,
        0, 0, 0, 0, 0, 0, 0,
        1 as overdue_open_tasks,
        0
    from live_activity
    inner join tenant on tenant.tenant_id = live_activity.tenant_id
    where
        live_activity.canonical_status = 'open'
        and live_activity.activity_type = 'task'
        and live_activity.due_at < %(as_of)s::timestamptz
),

-- "Zero rows: each live user with role manager, every day from the later of the user's creation and the tenant's first day,
-- up to the earlier of the deactivation day and the as-of day. An inactive user without a deactivation time gets no zero rows."
zero_row as (
    select
        live_user.tenant_id,
        calendar.day::date as day,
        live_user.user_id,
        0, 0, 0, 0, 0, 0, 0, 0, 0
    from live_user
    inner join tenant on tenant.tenant_id = live_user.tenant_id
    inner join tenant_first_day on tenant_first_day.tenant_id = live_user.tenant_id
    cross join
        lateral generate_series(
            greatest((live_user.created_at at time zone tenant.timezone)::date, tenant_first_day.first_day)::timestamp,
            least((live_user.deactivated_at at time zone tenant.timezone)::date, tenant.as_of_day)::timestamp,
            interval '1 day'
        ) as calendar (day)
    where live_user.role = 'manager' and (live_user.is_active or live_user.deactivated_at is not null)
),

report_row as (
    select * from completed
    union all
    select * from overdue
    union all
    select * from zero_row
),

-- An assignee who is no live user is the same missing manager as no assignee at all.
totals as (
    select
        report_row.tenant_id,
        report_row.day,
        live_user.user_id,
        sum(report_row.tasks) as tasks,
        sum(report_row.calls) as calls,
        sum(report_row.meetings) as meetings,
        sum(report_row.emails) as emails,
        sum(report_row.other) as other,
        sum(report_row.total) as total,
        sum(report_row.minutes) as minutes,
        sum(report_row.overdue_open_tasks) as overdue_open_tasks,
        sum(report_row.completed_without_date) as completed_without_date
    from report_row
    left join live_user
        on live_user.tenant_id = report_row.tenant_id and live_user.user_id = report_row.user_id
    group by report_row.tenant_id, report_row.day, live_user.user_id
)

select
    totals.tenant_id,
    totals.day,
    date_trunc('month', totals.day::timestamp)::date as month,
    coalesce(live_user.department_id::text, '(none)') as department_id,
    coalesce(live_user.department_name, '(none)') as department_name,
    coalesce(live_user.user_id::text, '(none)') as manager_id,
    coalesce(live_user.full_name, '(none)') as manager_name,
    totals.tasks,
    totals.calls,
    totals.meetings,
    totals.emails,
    totals.other,
    totals.total,
    totals.minutes,
    totals.overdue_open_tasks,
    totals.completed_without_date
from totals
left join live_user on live_user.tenant_id = totals.tenant_id and live_user.user_id = totals.user_id
