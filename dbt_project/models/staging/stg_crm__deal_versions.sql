-- Grain: one row per loaded version of a deal, tombstones included: what a load brought, not what holds now.
select
    tenant_id,
    id as deal_id,
    pipeline_id,
    owner_user_id,
    lead_id,
    created_at,
    closed_at,
    closed_on,
    _extracted_at as loaded_at
from {{ source('crm', 'deals') }}
