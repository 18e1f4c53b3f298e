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

-- Filtered here: below, the alias ordinal would take the place of the column in the condition.
first_changes as (
    select * from history
    where ordinal = 1 and from_stage_id is not null
),

entries as (
    select
        tenant_id,
        deal_id,
        toNullable(history_id) as history_id,
        ordinal,
        pipeline_id,
        stage_id,
        changed_at as entered_at,
        is_observed
    from history
    union all
    select
        tenant_id,
        deal_id,
        null as history_id,
        0 as ordinal,
        pipeline_id,
        assumeNotNull(from_stage_id) as stage_id,
        least(deal_created_at, changed_at) as entered_at,
        is_observed
    from first_changes
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
