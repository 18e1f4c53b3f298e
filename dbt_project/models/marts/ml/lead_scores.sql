-- Grain: tenant and open lead on the newest day that was scored.
with leads as (
    {{ rows_among(ref('fct_leads'), 'lead_id', keys=ref('stg_ml__lead_scores')) }}
)

select
    scores.tenant_id as tenant_id,
    cast(scores.as_of as Date32) as as_of,
    scores.lead_id as lead_id,
    {{ or_none('leads.source_id') }} as source_id,
    {{ or_none('leads.source_name') }} as source_name,
    {{ or_none('leads.department_id') }} as department_id,
    {{ or_none('leads.department_name') }} as department_name,
    {{ or_none('leads.manager_id') }} as manager_id,
    {{ or_none('leads.manager_name') }} as manager_name,
    cast(1 as UInt64) as leads,
    {{ scored_columns('scores') }}
from {{ ref('stg_ml__lead_scores') }} as scores
left join leads on scores.tenant_id = leads.tenant_id and scores.lead_id = leads.lead_id
where {{ of_newest_day('scores', ref('stg_ml__lead_scores')) }}
