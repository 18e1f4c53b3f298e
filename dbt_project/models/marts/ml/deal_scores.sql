-- Grain: tenant and open deal on the newest day that was scored.
with newest as (
    select
        tenant_id,
        max(as_of) as as_of
    from {{ ref('stg_ml__deal_scores') }}
    group by tenant_id
)

select
    scores.tenant_id as tenant_id,
    cast(scores.as_of as Date32) as as_of,
    scores.deal_id as deal_id,
    cast(deals.deal_title as Nullable(String)) as deal_title,
    coalesce(deals.pipeline_id, {{ none_member() }}) as pipeline_id,
    coalesce(deals.pipeline_name, {{ none_member() }}) as pipeline_name,
    coalesce(deals.department_id, {{ none_member() }}) as department_id,
    coalesce(deals.manager_id, {{ none_member() }}) as manager_id,
    coalesce(deals.manager_name, {{ none_member() }}) as manager_name,
    scores.horizon_days as horizon_days,
    scores.probability as probability,
    scores.baseline_probability as baseline_probability,
    cast(scores.method as String) as method,
    cast(scores.priority as String) as priority,
    scores.age_days as age_days,
    scores.reasons_ru as reasons_ru,
    scores.reasons_en as reasons_en,
    scores.action_ru as action_ru,
    scores.action_en as action_en,
    scores.expected_value as expected_value,
    scores.is_cold_start as is_cold_start,
    scores.low_history as low_history,
    scores.model_id as model_id
from {{ ref('stg_ml__deal_scores') }} as scores
inner join newest on scores.tenant_id = newest.tenant_id and scores.as_of = newest.as_of
left join {{ ref('fct_deals') }} as deals on scores.tenant_id = deals.tenant_id and scores.deal_id = deals.deal_id
