-- Grain: tenant, day, manager (assignee) with department. No zero rows.
select
    tenant_id,
    day,
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
    cast(sum(completed_without_date) as UInt64) as completed_without_date,
    now64(3, 'UTC') as refreshed_at
from {{ ref('manager_activity') }}
group by tenant_id, day, department_id, manager_id
having total > 0 or overdue_open_tasks > 0
