-- Grain: one row per live deal whose stage history covers it: its last row names the deal's current pipeline and stage.
-- `entered_outcome_at` is the start of the unbroken run of entries with the current outcome;
-- inferred entries begin no run.
with entries as (
    select
        tenant_id,
        deal_id,
        ordinal,
        pipeline_id,
        stage_id,
        entered_at,
        outcome,
        is_observed
    from {{ ref('int_deal_stage_entries') }}
    where {{ only_changed('deals', ['tenant_id', 'deal_id']) }}
),

closes as (
    {{ last_runs('entries') }}
)

select
    closes.tenant_id as tenant_id,
    closes.deal_id as deal_id,
    closes.entered_outcome_at as entered_outcome_at,
    closes.is_observed as is_observed,
    closes.closed_before_at as closed_before_at
from closes
inner join {{ ref('stg_crm__deals') }} as deals
    on
        closes.tenant_id = deals.tenant_id
        and closes.deal_id = deals.deal_id
        and closes.last_pipeline_id = deals.pipeline_id
        and closes.last_stage_id = deals.stage_id
where {{ only_changed('deals', ['deals.tenant_id', 'deals.deal_id']) }}
