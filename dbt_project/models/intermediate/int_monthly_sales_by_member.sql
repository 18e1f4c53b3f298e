-- Grain: one row per tenant, dimension, member and month with a won deal: the fact that forecasts are held against.
with won as (
    select
        deals.tenant_id as tenant_id,
        {{ first_of_month('deals.closed_day') }} as month,
        coalesce(deals.amount_base, 0) as amount,
        [
            ('tenant', ''),
            ('department', deals.department_id),
            ('manager', deals.manager_id),
            ('pipeline', deals.pipeline_id),
            ('source', if(leads.lead_id is null, {{ none_member() }}, leads.source_id))
        ] as places
    from {{ ref('fct_deals') }} as deals
    left join {{ ref('fct_leads') }} as leads
        on deals.tenant_id = leads.tenant_id and deals.lead_id = leads.lead_id
    where deals.outcome = 'won' and deals.closed_day is not null
)

select
    tenant_id,
    arrayJoin(places) as place,
    place.1 as dimension,
    place.2 as member_id,
    month,
    sum(amount) as amount
from won
group by tenant_id, place, month
