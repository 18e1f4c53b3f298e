-- Grain: one row per live lead source of a tenant.
select
    tenant_id,
    id as source_id,
    name as source_name,
    source_type
from {{ source('crm', 'lead_sources') }} final
