-- Grain: one row per live deal of a live pipeline: the highest funnel position that it ever reached.
-- `reached_position` is NULL where nothing tells (an archived stage and no usable history).
with funnel as (
    select
        tenant_id,
        pipeline_id,
        min(stage_position) as first_position,
        max(stage_position) as last_position
    from {{ ref('dim_stages') }}
    where is_funnel_stage
    group by tenant_id, pipeline_id
),

history as (
    select
        tenant_id,
        deal_id,
        pipeline_id,
        -- With -OrNull the absence of such an entry stays apart from position 0.
        maxOrNullIf(stage_position, outcome = 'open') as highest_open_position,
        maxOrNullIf(stage_position, outcome in ('open', 'won')) as highest_position
    from {{ ref('int_deal_stage_entries') }}
    where is_live_stage and {{ only_changed('deals', ['tenant_id', 'deal_id']) }}
    group by tenant_id, deal_id, pipeline_id
)

select
    deals.tenant_id as tenant_id,
    deals.deal_id as deal_id,
    multiIf(
        stages.outcome = 'won', toNullable(funnel.last_position),
        stages.outcome = 'lost', coalesce(history.highest_open_position, funnel.first_position),
        greatest(if(stages.is_live, stages.stage_position, null), history.highest_position)
    ) as reached_position,
    stages.outcome = 'lost' and history.highest_open_position is null as is_lost_stage_unknown
from {{ ref('stg_crm__deals') }} as deals
inner join {{ ref('stg_crm__stages') }} as stages
    on
        deals.tenant_id = stages.tenant_id
        and deals.pipeline_id = stages.pipeline_id
        and deals.stage_id = stages.stage_id
inner join funnel
    on deals.tenant_id = funnel.tenant_id and deals.pipeline_id = funnel.pipeline_id
left join history
    on
        deals.tenant_id = history.tenant_id
        and deals.deal_id = history.deal_id
        and deals.pipeline_id = history.pipeline_id
where {{ only_changed('deals', ['deals.tenant_id', 'deals.deal_id']) }}
