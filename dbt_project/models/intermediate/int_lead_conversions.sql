-- Grain: one row per live lead that at least one live deal of the same tenant refers to.
select
    leads.tenant_id as tenant_id,
    leads.lead_id as lead_id,
    coalesce(any(leads.converted_at), min(deals.created_at)) as conversion_moment,
    countIf(closes.outcome = 'won') > 0 as is_won
from {{ ref('stg_crm__leads') }} as leads
inner join {{ ref('stg_crm__deals') }} as deals
    on leads.tenant_id = deals.tenant_id and leads.lead_id = deals.lead_id
inner join {{ ref('int_deal_close_moments') }} as closes
    on deals.tenant_id = closes.tenant_id and deals.deal_id = closes.deal_id
where
    {{ only_changed('leads', ['leads.tenant_id', 'leads.lead_id']) }}
    and {{ only_changed('leads', ['deals.tenant_id', 'deals.lead_id']) }}
group by leads.tenant_id, leads.lead_id
