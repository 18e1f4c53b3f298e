-- Grain: one row per loaded version of a activity, tombstones included: what a load brought, not what holds now.
select
    tenant_id,
    id as activity_id,
    coalesce(completed_at, updated_at) as finished_at,
    _extracted_at as loaded_at
from {{ source('crm', 'activities') }}
