-- Grain: tenant, day, manager (assignee) with department. Completed activities by completion day; overdue open tasks by
-- due day; zeros for each day of each active manager.
with completed as (
    select
        tenant_id,
        completed_day as day,
        department_id,
        department_name,
        manager_id,
        manager_name,
        activity_type,
        1 as completed,
        duration_minutes as minutes,
        0 as overdue_open_tasks,
        is_completed_without_date as completed_without_date
    from {{ ref('fct_activities') }}
    where is_completed
),

overdue as (
    select
        tenant_id,
        due_day as day,
        department_id,
        department_name,
        manager_id,
        manager_name,
        activity_type,
        0 as completed,
        toInt64(0) as minutes,
        1 as overdue_open_tasks,
        false as completed_without_date
    from {{ ref('fct_activities') }}
    where is_overdue_task
),

zero_rows as (
    select
        managers.tenant_id as tenant_id,
        dates.day as day,
        managers.department_id as department_id,
        managers.department_name as department_name,
        managers.user_id as manager_id,
        managers.user_name as manager_name,
        '' as activity_type,
        0 as completed,
        toInt64(0) as minutes,
        0 as overdue_open_tasks,
        false as completed_without_date
    from {{ ref('dim_users') }} as managers
    inner join {{ ref('dim_tenants') }} as tenants on managers.tenant_id = tenants.tenant_id
    inner join {{ ref('dim_dates') }} as dates on true
    where
        managers.role = 'manager'
        and (managers.is_active or managers.deactivated_day is not null)
        and dates.day >= greatest(managers.created_day, tenants.first_day)
        and dates.day <= least(coalesce(managers.deactivated_day, tenants.as_of_day), tenants.as_of_day)
),

rows_of_report as (
    select * from completed
    union all
    select * from overdue
    union all
    select * from zero_rows
)

select
    tenant_id,
    cast(day as Nullable(Date32)) as day,
    cast({{ first_of_month('day') }} as Nullable(Date32)) as month,
    department_id,
    any(department_name) as department_name,
    manager_id,
    any(manager_name) as manager_name,
    cast(sumIf(completed, activity_type = 'task') as UInt64) as tasks,
    cast(sumIf(completed, activity_type = 'call') as UInt64) as calls,
    cast(sumIf(completed, activity_type = 'meeting') as UInt64) as meetings,
    cast(sumIf(completed, activity_type = 'email') as UInt64) as emails,
    cast(sumIf(completed, activity_type = 'other') as UInt64) as other,
    cast(sum(completed) as UInt64) as total,
    cast(sum(minutes) as Int64) as minutes,
    cast(sum(overdue_open_tasks) as UInt64) as overdue_open_tasks,
    cast(sum(completed_without_date) as UInt64) as completed_without_date
from rows_of_report
group by tenant_id, day, department_id, manager_id
