-- Grain: one row per recorded change of a deal's owner.
select
    tenant_id,
    id as history_id,
    deal_id,
    from_owner_user_id,
    owner_user_id,
    changed_at
from {{ source('crm', 'deal_owner_history') }} final
