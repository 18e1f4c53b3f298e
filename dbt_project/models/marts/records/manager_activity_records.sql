-- Grain: one row per activity that counts, with what it adds to each figure of manager_activity: a completed one on its
-- completion day, an overdue open task on its due day.
select
    tenant_id,
    'activity' as record_type,
    activity_id as record_id,
    cast(if(is_completed, completed_day, due_day) as Nullable(Date32)) as day,
    cast({{ first_of_month('day') }} as Nullable(Date32)) as month,
    department_id,
    department_name,
    manager_id,
    manager_name,
    cast(is_completed and activity_type = 'task' as UInt8) as tasks,
    cast(is_completed and activity_type = 'call' as UInt8) as calls,
    cast(is_completed and activity_type = 'meeting' as UInt8) as meetings,
    cast(is_completed and activity_type = 'email' as UInt8) as emails,
    cast(is_completed and activity_type = 'other' as UInt8) as other,
    cast(is_completed as UInt8) as total,
    cast(if(is_completed, duration_minutes, 0) as Int64) as minutes,
    cast(is_overdue_task as UInt8) as overdue_open_tasks,
    cast(is_completed_without_date as UInt8) as completed_without_date
from {{ ref('fct_activities') }}
where is_completed or is_overdue_task
