-- Grain: tenant and open deal on the newest day that was scored.
with scored as (
    select
        tenant_id,
        deal_id
    from {{ ref('stg_ml__deal_scores') }}
),

deals as (
    select
        tenant_id,
        deal_id,
        deal_title,
        pipeline_id,
        pipeline_name,
        department_id,
        department_name,
        manager_id,
        manager_name
    from {{ ref('fct_deals') }}
    -- A join holds its right side in memory: few of all deals are open.
    where (tenant_id, deal_id) in (select scored.* from scored)
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
