-- Grain: tenant and open deal on the newest day that was scored.
select
    scores.tenant_id as tenant_id,
    cast(scores.as_of as Date32) as as_of,
    scores.deal_id as deal_id,
    cast(deals.deal_title as Nullable(String)) as deal_title,
    coalesce(deals.pipeline_id, {{ none_member() }}) as pipeline_id,
    coalesce(deals.pipeline_name, {{ none_member() }}) as pipeline_name,
    coalesce(deals.department_id, {{ none_member() }}) as department_id,
    coalesce(deals.department_name, {{ none_member() }}) as department_name,
    coalesce(deals.manager_id, {{ none_member() }}) as manager_id,
    coalesce(deals.manager_name, {{ none_member() }}) as manager_name,
    {{ said('priority', 'scores.priority') }},
    cast(1 as UInt64) as deals,
    {{ scored_columns('scores') }}
from {{ ref('stg_ml__deal_scores') }} as scores
left join {{ ref('fct_deals') }} as deals on scores.tenant_id = deals.tenant_id and scores.deal_id = deals.deal_id
where {{ of_newest_day('scores', ref('stg_ml__deal_scores')) }}
