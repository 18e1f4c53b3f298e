-- Grain: tenant, day, manager (assignee) with department. Completed activities by completion day; overdue open tasks by
-- due day; zeros for each day of each active manager.
with zero_rows as (
    select
        managers.tenant_id as tenant_id,
        dates.day as day,
        managers.department_id as department_id,
        managers.department_name as department_name,
        managers.user_id as manager_id,
        managers.user_name as manager_name,
        0 as tasks,
        0 as calls,
        0 as meetings,
        0 as emails,
        0 as other,
        0 as total,
        toInt64(0) as minutes,
        0 as overdue_open_tasks,
        0 as completed_without_date
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
    select
        tenant_id,
        day,
        department_id,
        department_name,
        manager_id,
        manager_name,
        tasks,
        calls,
        meetings,
        emails,
        other,
        total,
        minutes,
        overdue_open_tasks,
        completed_without_date
    from {{ ref('manager_activity_records') }}
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
    cast(sum(tasks) as UInt64) as tasks,
    cast(sum(calls) as UInt64) as calls,
    cast(sum(meetings) as UInt64) as meetings,
    cast(sum(emails) as UInt64) as emails,
    cast(sum(other) as UInt64) as other,
    cast(sum(total) as UInt64) as total,
    cast(sum(minutes) as Int64) as minutes,
    cast(sum(overdue_open_tasks) as UInt64) as overdue_open_tasks,
    cast(sum(completed_without_date) as UInt64) as completed_without_date
from rows_of_report
group by tenant_id, day, department_id, manager_id
