-- Grain: one row per live deal and live stage of its current pipeline that the deal reached, visited or stands on.
select
    stages.tenant_id as tenant_id,
    stages.deal_id as deal_id,
    stages.pipeline_id as pipeline_id,
    stages.pipeline_name as pipeline_name,
    stages.stage_id as stage_id,
    stages.stage_name as stage_name,
    stages.stage_position as stage_position,
    stages.outcome as outcome,
    stages.is_reached as is_reached,
    stages.is_current as is_current,
    stages.is_lost_stage_unknown as is_lost_stage_unknown,
    stages.ended_visits_seconds
    + if(
        stages.lasting_visit_since is null,
        0,
        {{ whole_seconds('stages.lasting_visit_since', 'tenants.as_of') }}
    ) as seconds_in_stage
from {{ ref('int_deal_stages') }} as stages
inner join {{ ref('dim_tenants') }} as tenants on stages.tenant_id = tenants.tenant_id
