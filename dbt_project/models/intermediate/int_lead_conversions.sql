-- Grain: one row per live lead that at least one live deal of the same tenant refers to.
with deals as (
    select
        tenant_id,
        deal_id,
        lead_id,
        created_at
    from {{ ref('stg_crm__deals') }}
    where {{ only_changed('leads', ['tenant_id', 'lead_id']) }}
),

closes as (
    select
        tenant_id,
        deal_id,
        outcome
    from {{ ref('int_deal_close_moments') }}
    where {{ only_joined_to(['tenant_id', 'deal_id'], 'deals') }}
)

select
    leads.tenant_id as tenant_id,
    leads.lead_id as lead_id,
    coalesce(any(leads.converted_at), min(deals.created_at)) as conversion_moment,
    countIf(closes.outcome = 'won') > 0 as is_won
from {{ ref('stg_crm__leads') }} as leads
inner join deals
    on leads.tenant_id = deals.tenant_id and leads.lead_id = deals.lead_id
inner join closes
    on deals.tenant_id = closes.tenant_id and deals.deal_id = closes.deal_id
where {{ only_changed('leads', ['leads.tenant_id', 'leads.lead_id']) }}
group by leads.tenant_id, leads.lead_id
