-- Grain: tenant and open lead on the newest day that was scored.
select
    scores.tenant_id as tenant_id,
    cast(scores.as_of as Date32) as as_of,
    scores.lead_id as lead_id,
    coalesce(leads.source_id, {{ none_member() }}) as source_id,
    coalesce(leads.source_name, {{ none_member() }}) as source_name,
    coalesce(leads.department_id, {{ none_member() }}) as department_id,
    coalesce(leads.department_name, {{ none_member() }}) as department_name,
    coalesce(leads.manager_id, {{ none_member() }}) as manager_id,
    coalesce(leads.manager_name, {{ none_member() }}) as manager_name,
    {{ said('priority', 'scores.priority') }},
    cast(1 as UInt64) as leads,
    {{ scored_columns('scores') }}
from {{ ref('stg_ml__lead_scores') }} as scores
left join {{ ref('fct_leads') }} as leads on scores.tenant_id = leads.tenant_id and scores.lead_id = leads.lead_id
where {{ of_newest_day('scores', ref('stg_ml__lead_scores')) }}
