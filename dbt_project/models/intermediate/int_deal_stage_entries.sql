-- Grain: one row per entry of a live deal into a stage, in order. A deal whose first recorded change names the
-- stage that it left gets an entry of that stage at its creation, since some CRMs record changes only.
with history as (
    select
        history.tenant_id as tenant_id,
        history.deal_id as deal_id,
        history.history_id as history_id,
        history.pipeline_id as pipeline_id,
        history.from_stage_id as from_stage_id,
        history.stage_id as stage_id,
        history.changed_at as changed_at,
        history.is_observed as is_observed,
        deals.created_at as deal_created_at,
        row_number() over (
            partition by history.tenant_id, history.deal_id
            order by {{ history_order('history.changed_at', 'history.history_id') }}
        ) as ordinal
    from {{ ref('stg_crm__deal_stage_history') }} as history
    inner join {{ ref('stg_crm__deals') }} as deals
        on history.tenant_id = deals.tenant_id and history.deal_id = deals.deal_id
    where
        {{ only_changed('deals', ['history.tenant_id', 'history.deal_id']) }}
        and {{ only_changed_history('deal_stage_history', 'history') }}
        and {{ only_changed('deals', ['deals.tenant_id', 'deals.deal_id']) }}
),

-- The first change makes two rows where it names the stage that it left.
with_first_stages as (
    select
        *,
        arrayJoin(if(ordinal = 1 and from_stage_id is not null, [true, false], [true])) as is_recorded
    from history
),

entries as (
    select
        history.tenant_id as tenant_id,
        history.deal_id as deal_id,
        if(history.is_recorded, toNullable(history.history_id), null) as history_id,
        if(history.is_recorded, history.ordinal, 0) as ordinal,
        history.pipeline_id as pipeline_id,
        if(history.is_recorded, history.stage_id, assumeNotNull(history.from_stage_id)) as stage_id,
        if(
            history.is_recorded, history.changed_at, least(history.deal_created_at, history.changed_at)
        ) as entered_at,
        history.is_observed as is_observed
    from with_first_stages as history
)

select
    entries.tenant_id as tenant_id,
    entries.deal_id as deal_id,
    entries.history_id as history_id,
    toUInt32(entries.ordinal) as ordinal,
    entries.pipeline_id as pipeline_id,
    entries.stage_id as stage_id,
    entries.entered_at as entered_at,
    entries.is_observed as is_observed,
    leadInFrame(toNullable(entries.entered_at)) over (
        partition by entries.tenant_id, entries.deal_id
        order by entries.ordinal
        rows between unbounded preceding and unbounded following
    ) as left_at,
    coalesce(stages.outcome, '') as outcome,
    stages.stage_position as stage_position,
    coalesce(stages.is_live, false) as is_live_stage
from entries
left join {{ ref('stg_crm__stages') }} as stages
    on
        entries.tenant_id = stages.tenant_id
        and entries.pipeline_id = stages.pipeline_id
        and entries.stage_id = stages.stage_id
