-- Grain: one row per live deal and live stage of its current pipeline that the deal reached, visited or stands on.
-- Nothing here depends on the moment of the run: a visit that lasts is kept as its beginning.
with entries as (
    select
        entries.tenant_id as tenant_id,
        entries.deal_id as deal_id,
        entries.stage_id as stage_id,
        entries.entered_at as entered_at,
        entries.left_at as left_at
    from {{ ref('int_deal_stage_entries') }} as entries
    inner join {{ ref('stg_crm__deals') }} as deals
        on
            entries.tenant_id = deals.tenant_id
            and entries.deal_id = deals.deal_id
            and entries.pipeline_id = deals.pipeline_id
    where
        entries.outcome = 'open'
        and entries.is_live_stage
        -- An inferred first stage was visited only if the deal existed before its first recorded change.
        and not (entries.ordinal = 0 and entries.entered_at >= entries.left_at)
        and {{ only_changed('deals', ['entries.tenant_id', 'entries.deal_id']) }}
        and {{ only_changed('deals', ['deals.tenant_id', 'deals.deal_id']) }}
),

visits as (
    select
        tenant_id,
        deal_id,
        stage_id,
        sum(if(left_at is null, 0, {{ whole_seconds('entered_at', 'left_at') }})) as ended_visits_seconds,
        -- A deal is in one stage at a time, so at most one of its visits lasts.
        maxOrNullIf(entered_at, left_at is null) as lasting_visit_since
    from entries
    group by tenant_id, deal_id, stage_id
),

reached_positions as (
    select * from {{ ref('int_deal_reached_positions') }}
    where {{ only_changed('deals', ['tenant_id', 'deal_id']) }}
),

deal_stages as (
    select
        deals.tenant_id as tenant_id,
        deals.deal_id as deal_id,
        stages.pipeline_id as pipeline_id,
        stages.pipeline_name as pipeline_name,
        stages.stage_id as stage_id,
        stages.stage_name as stage_name,
        stages.stage_position as stage_position,
        stages.outcome as outcome,
        stages.is_funnel_stage
        and coalesce(stages.stage_position <= reached.reached_position, false) as is_reached,
        stages.stage_id = deals.stage_id as is_current,
        is_reached
        and reached.is_lost_stage_unknown
        and stages.stage_position = min(if(stages.is_funnel_stage, stages.stage_position, 2147483647)) over (
            partition by deals.tenant_id, deals.deal_id
        ) as is_lost_stage_unknown,
        visits.ended_visits_seconds as ended_visits_seconds,
        visits.lasting_visit_since as lasting_visit_since
    from {{ ref('stg_crm__deals') }} as deals
    inner join {{ ref('dim_stages') }} as stages
        on deals.tenant_id = stages.tenant_id and deals.pipeline_id = stages.pipeline_id
    left join reached_positions as reached
        on deals.tenant_id = reached.tenant_id and deals.deal_id = reached.deal_id
    left join visits
        on
            deals.tenant_id = visits.tenant_id
            and deals.deal_id = visits.deal_id
            and stages.stage_id = visits.stage_id
    where stages.is_live and {{ only_changed('deals', ['deals.tenant_id', 'deals.deal_id']) }}
)

select
    tenant_id,
    deal_id,
    pipeline_id,
    pipeline_name,
    stage_id,
    stage_name,
    stage_position,
    outcome,
    is_reached,
    is_current,
    coalesce(is_lost_stage_unknown, false) as is_lost_stage_unknown,
    ended_visits_seconds,
    lasting_visit_since
from deal_stages
where is_reached or is_current or ended_visits_seconds is not null
