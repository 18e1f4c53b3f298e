-- Grain: one row per loaded version of a row of the history, tombstones included: what a load brought, not what
-- holds now.
select
    tenant_id,
    id as history_id,
    deal_id,
    pipeline_id,
    from_stage_id,
    stage_id,
    changed_at,
    _extracted_at as loaded_at,
    _version as version,
    cast(_deleted as Bool) as is_deleted,
    {{ is_observed() }} as is_observed
from {{ source('crm', 'deal_stage_history') }}
