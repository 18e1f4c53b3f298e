-- Grain: one row per live activity. Completed activities carry the local day on which they count.
select
    activities.tenant_id as tenant_id,
    activities.activity_id as activity_id,
    activities.activity_type as activity_type,
    activities.activity_status as activity_status,
    activities.subject as subject,
    coalesce(managers.user_id, {{ none_member() }}) as manager_id,
    coalesce(managers.user_name, {{ none_member() }}) as manager_name,
    coalesce(managers.department_id, {{ none_member() }}) as department_id,
    coalesce(managers.department_name, {{ none_member() }}) as department_name,
    activities.deal_id as deal_id,
    activities.lead_id as lead_id,
    activities.company_id as company_id,
    activities.created_at as created_at,
    activities.due_at as due_at,
    {{ local_day('activities.due_at', 'tenants.timezone') }} as due_day,
    activities.activity_status = 'completed' as is_completed,
    is_completed and activities.completed_at is null as is_completed_without_date,
    if(is_completed, coalesce(activities.completed_at, activities.updated_at), null) as completed_at,
    {{ local_day('completed_at', 'tenants.timezone') }} as completed_day,
    toInt64(coalesce(activities.duration_minutes, 0)) as duration_minutes,
    coalesce(
        activities.activity_type = 'task' and activities.activity_status = 'open' and activities.due_at < tenants.as_of,
        false
    ) as is_overdue_task
from {{ ref('stg_crm__activities') }} as activities
inner join {{ ref('dim_tenants') }} as tenants on activities.tenant_id = tenants.tenant_id
left join {{ ref('dim_users') }} as managers
    on activities.tenant_id = managers.tenant_id and activities.assignee_user_id = managers.user_id
where {{ only_changed('activities', ['activities.tenant_id', 'activities.activity_id']) }}
