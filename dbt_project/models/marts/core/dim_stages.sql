-- Grain: one row per stage of a live pipeline, archived stages included. Stage ids repeat across pipelines: join on
-- both.
select
    stages.tenant_id as tenant_id,
    stages.pipeline_id as pipeline_id,
    stages.stage_id as stage_id,
    stages.stage_name as stage_name,
    pipelines.pipeline_name as pipeline_name,
    stages.stage_position as stage_position,
    stages.outcome as outcome,
    stages.win_probability_percent as win_probability_percent,
    stages.is_live as is_live,
    stages.is_live and stages.outcome != 'lost' as is_funnel_stage
from {{ ref('stg_crm__stages') }} as stages
inner join {{ ref('stg_crm__pipelines') }} as pipelines
    on stages.tenant_id = pipelines.tenant_id and stages.pipeline_id = pipelines.pipeline_id
