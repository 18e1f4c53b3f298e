-- Grain: one row per tenant, day of the score and open lead.
select
    scores.tenant_id as tenant_id,
    scores.as_of as as_of,
    scores.lead_id as lead_id,
    {{ scored_columns('scores') }}
from {{ source('ml', 'lead_scores') }} as scores
