-- Grain: one row per recorded change of a deal's owner, with the tenant-local day on which it happened.
select
    changes.tenant_id as tenant_id,
    changes.history_id as history_id,
    changes.deal_id as deal_id,
    changes.from_owner_user_id as from_owner_user_id,
    changes.owner_user_id as owner_user_id,
    changes.changed_at as changed_at,
    {{ local_day('changes.changed_at', 'tenants.timezone') }} as changed_day
from {{ ref('stg_crm__deal_owner_history') }} as changes
inner join {{ ref('dim_tenants') }} as tenants on changes.tenant_id = tenants.tenant_id
