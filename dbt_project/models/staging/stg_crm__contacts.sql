-- Grain: one row per live contact person of a tenant.
select
    tenant_id,
    id as contact_id,
    company_id,
    created_at
from {{ source('crm', 'contacts') }} final
