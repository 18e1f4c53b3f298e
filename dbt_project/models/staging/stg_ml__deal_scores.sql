-- Grain: one row per tenant, day of the score and open deal.
select
    scores.tenant_id as tenant_id,
    scores.as_of as as_of,
    scores.deal_id as deal_id,
    {{ scored_columns('scores') }}
from {{ source('ml', 'deal_scores') }} as scores
