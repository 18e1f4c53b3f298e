-- Grain: one row per loaded version of a lead, tombstones included: what a load brought, not what holds now.
select
    tenant_id,
    id as lead_id,
    source_id,
    owner_user_id,
    is_duplicate,
    created_at,
    _extracted_at as loaded_at,
    _version as version,
    cast(_deleted as Bool) as is_deleted
from {{ source('crm', 'leads') }}
