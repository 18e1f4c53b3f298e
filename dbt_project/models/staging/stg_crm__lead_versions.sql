-- Grain: one row per loaded version of a lead, tombstones included: what a load brought, not what holds now.
select
    tenant_id,
    id as lead_id,
    created_at,
    _extracted_at as loaded_at
from {{ source('crm', 'leads') }}
