-- Grain: one row per tenant, day of the score and open deal.
select
    tenant_id,
    as_of,
    deal_id,
    horizon_days,
    probability,
    baseline_probability,
    method,
    priority,
    age_days,
    reasons,
    reasons_ru,
    reasons_en,
    action,
    action_ru,
    action_en,
    expected_value,
    is_cold_start,
    low_history,
    model_id
from {{ source('ml', 'deal_scores') }}
