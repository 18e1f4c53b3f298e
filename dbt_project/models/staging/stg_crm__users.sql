-- Grain: one row per live user of a tenant.
select
    tenant_id,
    id as user_id,
    full_name as user_name,
    department_id,
    role,
    is_active,
    deactivated_at,
    created_at
from {{ source('crm', 'users') }} final
