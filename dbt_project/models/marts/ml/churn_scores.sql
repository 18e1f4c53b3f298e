-- Grain: tenant and customer on the newest day that was scored. The manager is the owner of the client company in the
-- CRM; a person who buys without a company has none.
select
    scores.tenant_id as tenant_id,
    cast(scores.as_of as Date32) as as_of,
    cast(scores.customer_kind as String) as customer_kind,
    scores.customer_id as customer_id,
    coalesce(nullIf(customers.customer_name, ''), scores.customer_id) as customer_name,
    {{ or_none('customers.department_id') }} as department_id,
    {{ or_none('customers.department_name') }} as department_name,
    {{ or_none('customers.manager_id') }} as manager_id,
    {{ or_none('customers.manager_name') }} as manager_name,
    scores.horizon_days as horizon_days,
    scores.silent_until as silent_until,
    cast(1 as UInt64) as customers,
    scores.probability as probability,
    scores.baseline_probability as baseline_probability,
    cast(scores.method as String) as method,
    cast(scores.risk_level as String) as risk_level,
    scores.is_lapsed as is_lapsed,
    scores.silence_days as silence_days,
    scores.usual_pause_days as usual_pause_days,
    scores.allowed_silence_days as allowed_silence_days,
    scores.last_purchase_on as last_purchase_on,
    scores.purchases as purchases,
    scores.reasons_ru as reasons_ru,
    scores.reasons_en as reasons_en,
    scores.action_ru as action_ru,
    scores.action_en as action_en,
    scores.value_per_year as value_per_year,
    scores.expected_value_at_risk as expected_value_at_risk,
    scores.is_cold_start as is_cold_start,
    scores.low_history as low_history,
    scores.model_id as model_id
from {{ ref('stg_ml__churn_scores') }} as scores
left join {{ ref('dim_customers') }} as customers
    on
        scores.tenant_id = customers.tenant_id
        and scores.customer_kind = customers.customer_kind
        and scores.customer_id = customers.customer_id
where {{ of_newest_day('scores', ref('stg_ml__churn_scores')) }}
