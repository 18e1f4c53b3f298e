-- Grain: tenant and open deal on the newest day that was scored.
with deals as (
    {{ rows_among(ref('fct_deals'), 'deal_id', keys=ref('stg_ml__deal_scores')) }}
)

select
    scores.tenant_id as tenant_id,
    cast(scores.as_of as Date32) as as_of,
    scores.deal_id as deal_id,
    cast(deals.deal_title as Nullable(String)) as deal_title,
    {{ or_none('deals.pipeline_id') }} as pipeline_id,
    {{ or_none('deals.pipeline_name') }} as pipeline_name,
    {{ or_none('deals.department_id') }} as department_id,
    {{ or_none('deals.department_name') }} as department_name,
    {{ or_none('deals.manager_id') }} as manager_id,
    {{ or_none('deals.manager_name') }} as manager_name,
    cast(1 as UInt64) as deals,
    {{ scored_columns('scores') }}
from {{ ref('stg_ml__deal_scores') }} as scores
left join deals on scores.tenant_id = deals.tenant_id and scores.deal_id = deals.deal_id
where {{ of_newest_day('scores', ref('stg_ml__deal_scores')) }}
