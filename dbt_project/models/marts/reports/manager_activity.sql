-- Grain: tenant, day, manager (assignee) with department. Completed activities by completion day; overdue open tasks by
-- due day; zeros for each day of each active manager.
{{ config(materialized='changed_keys') }}
with zero_rows as (
    {{ zero_rows_of_manager_activity() }}
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
    where {{ only_changed_slices() }}
    union all
    select * from zero_rows
    where {{ only_changed_slices() }}
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
