-- Grain: one row per live activity of a tenant.
select
    tenant_id,
    id as activity_id,
    activity_type,
    status as activity_status,
    subject,
    assignee_user_id,
    deal_id,
    lead_id,
    company_id,
    due_at,
    completed_at,
    duration_minutes,
    created_at,
    updated_at
from {{ source('crm', 'activities') }} final
