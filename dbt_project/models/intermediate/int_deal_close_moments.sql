-- Grain: one row per live deal: its outcome now and, if it is closed, when.
-- History is trusted where it covers the deal; elsewhere, and where extraction could only observe the close, the CRM's
-- own close moment or date.
with closes as (
    select * from {{ ref('int_deal_history_closes') }}
    where {{ only_changed('deals', ['tenant_id', 'deal_id']) }}
),

deals as (
    select
        deals.tenant_id as tenant_id,
        deals.deal_id as deal_id,
        deals.closed_on as closed_on,
        deals.closed_at as mapped_closed_at,
        tenants.timezone as timezone,
        coalesce(stages.outcome, '') as outcome,
        closes.entered_outcome_at as entered_outcome_at,
        {{ close_is_by_history('closes', 'deals.closed_on', 'deals.closed_at', 'tenants.timezone') }} as is_by_history
    from {{ ref('stg_crm__deals') }} as deals
    inner join {{ ref('stg_crm__tenants') }} as tenants
        on deals.tenant_id = tenants.tenant_id
    left join {{ ref('stg_crm__stages') }} as stages
        on
            deals.tenant_id = stages.tenant_id
            and deals.pipeline_id = stages.pipeline_id
            and deals.stage_id = stages.stage_id
    left join closes
        on deals.tenant_id = closes.tenant_id and deals.deal_id = closes.deal_id
    where {{ only_changed('deals', ['deals.tenant_id', 'deals.deal_id']) }}
)

select
    tenant_id,
    deal_id,
    outcome,
    {{ closed_at('outcome', 'is_by_history', 'entered_outcome_at', 'mapped_closed_at') }} as closed_at,
    {{ closed_day(
        'outcome', 'is_by_history', 'entered_outcome_at', 'closed_on', 'mapped_closed_at', 'timezone'
    ) }} as closed_day
from deals
