-- Grain: one row per live deal and live stage of its current pipeline that the deal reached, visited or stands on.
-- Nothing here depends on the moment of the run: a visit that lasts is kept as its beginning.
-- Stages and visits are joined as one list per pipeline and per deal: every side of a join has one row per deal.
with pipelines as (
    select
        tenant_id,
        pipeline_id,
        any(pipeline_name) as pipeline_name,
        minOrNullIf(stage_position, is_funnel_stage) as first_position,
        groupArray((stage_id, stage_name, stage_position, outcome, is_funnel_stage)) as stages
    from {{ ref('dim_stages') }}
    where is_live
    group by tenant_id, pipeline_id
),

visits as (
    select
        tenant_id,
        deal_id,
        groupArray((
            pipeline_id,
            stage_id,
            if(left_at is null, 0, assumeNotNull({{ whole_seconds('entered_at', 'left_at') }})),
            if(left_at is null, entered_at, null)
        )) as visits
    from {{ ref('int_deal_stage_entries') }}
    where
        outcome = 'open'
        and is_live_stage
        -- An inferred first stage was visited only if the deal existed before its first recorded change.
        and not (ordinal = 0 and entered_at >= left_at)
        and {{ only_changed('deals', ['tenant_id', 'deal_id']) }}
    group by tenant_id, deal_id
),

reached_positions as (
    select * from {{ ref('int_deal_reached_positions') }}
    where {{ only_changed('deals', ['tenant_id', 'deal_id']) }}
),

deals as (
    select
        deals.tenant_id as tenant_id,
        deals.deal_id as deal_id,
        deals.pipeline_id as pipeline_id,
        deals.stage_id as current_stage_id,
        pipelines.pipeline_name as pipeline_name,
        pipelines.first_position as first_position,
        reached.reached_position as reached_position,
        coalesce(reached.is_lost_stage_unknown, false) as is_stage_of_loss_unknown,
        pipelines.stages as stages,
        visits.visits as visits
    from {{ ref('stg_crm__deals') }} as deals
    inner join pipelines
        on deals.tenant_id = pipelines.tenant_id and deals.pipeline_id = pipelines.pipeline_id
    left join reached_positions as reached
        on deals.tenant_id = reached.tenant_id and deals.deal_id = reached.deal_id
    left join visits
        on deals.tenant_id = visits.tenant_id and deals.deal_id = visits.deal_id
    where {{ only_changed('deals', ['deals.tenant_id', 'deals.deal_id']) }}
),

deal_stages as (
    select
        tenant_id,
        deal_id,
        pipeline_id,
        pipeline_name,
        current_stage_id,
        first_position,
        reached_position,
        is_stage_of_loss_unknown,
        arrayJoin(stages) as stage,
        arrayFilter(visit -> visit.1 = pipeline_id and visit.2 = stage.1, visits) as visits_of_stage
    from deals
)

select
    tenant_id,
    deal_id,
    pipeline_id,
    pipeline_name,
    stage.1 as stage_id,
    stage.2 as stage_name,
    stage.3 as stage_position,
    stage.4 as outcome,
    stage.5 and coalesce(stage_position <= reached_position, false) as is_reached,
    stage_id = current_stage_id as is_current,
    is_reached
    and is_stage_of_loss_unknown
    and coalesce(stage_position = first_position, false) as is_lost_stage_unknown,
    if(empty(visits_of_stage), null, arraySum(visit -> visit.3, visits_of_stage)) as ended_visits_seconds,
    -- A deal is in one stage at a time, so at most one of its visits lasts.
    arrayReduce('maxOrNull', arrayMap(visit -> visit.4, visits_of_stage)) as lasting_visit_since
from deal_stages
where is_reached or is_current or ended_visits_seconds is not null
