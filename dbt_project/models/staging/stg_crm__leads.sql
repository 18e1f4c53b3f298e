-- Grain: one row per live lead of a tenant, duplicates included.
select
    tenant_id,
    id as lead_id,
    source_id,
    status as lead_status,
    owner_user_id,
    company_id,
    contact_id,
    is_duplicate,
    converted_at,
    created_at
from {{ source('crm', 'leads') }} final
