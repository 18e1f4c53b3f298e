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
    {{ is_observed() }} as is_observed
from {{ source('crm', 'deal_stage_history') }} final
