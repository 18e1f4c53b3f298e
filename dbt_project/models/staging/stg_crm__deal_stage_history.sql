-- Grain: one row per recorded entry of a deal into a stage.
select
    tenant_id,
    id as history_id,
    deal_id,
    pipeline_id,
    from_stage_id,
    stage_id,
    user_id,
    changed_at,
    -- Extraction, where it records the changes itself, gives its rows no version and this id.
    _version = 0 and id = concat(deal_id, '-', toString(toUnixTimestamp64Micro(changed_at))) as is_observed
from {{ source('crm', 'deal_stage_history') }} final
