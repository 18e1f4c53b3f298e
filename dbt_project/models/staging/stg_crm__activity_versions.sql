-- Grain: one row per loaded version of a activity, tombstones included: what a load brought, not what holds now.
select
    tenant_id,
    id as activity_id,
    assignee_user_id,
    status as activity_status,
    coalesce(completed_at, updated_at) as finished_at,
    _extracted_at as loaded_at,
    _version as version,
    cast(_deleted as Bool) as is_deleted
from {{ source('crm', 'activities') }}
