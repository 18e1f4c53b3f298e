-- Grain: tenant and customer on the newest day that was scored.
with newest_days as (
    select
        tenant_id,
        max(as_of) as as_of
    from {{ ref('stg_ml__churn_scores') }}
    group by tenant_id
)

select
    newest.tenant_id as tenant_id,
    cast(newest.as_of as Date32) as as_of,
    cast(newest.customer_kind as String) as customer_kind,
    newest.customer_id as customer_id,
    newest.horizon_days as horizon_days,
    newest.silent_until as silent_until,
    newest.probability as probability,
    newest.baseline_probability as baseline_probability,
    cast(newest.method as String) as method,
    cast(newest.risk_level as String) as risk_level,
    newest.is_lapsed as is_lapsed,
    newest.silence_days as silence_days,
    newest.usual_pause_days as usual_pause_days,
    newest.allowed_silence_days as allowed_silence_days,
    newest.last_purchase_on as last_purchase_on,
    newest.purchases as purchases,
    newest.reasons_ru as reasons_ru,
    newest.reasons_en as reasons_en,
    newest.action_ru as action_ru,
    newest.action_en as action_en,
    newest.value_per_year as value_per_year,
    newest.expected_value_at_risk as expected_value_at_risk,
    newest.is_cold_start as is_cold_start,
    newest.low_history as low_history,
    newest.model_id as model_id
from {{ ref('stg_ml__churn_scores') }} as newest
inner join newest_days
    on
        newest.tenant_id = newest_days.tenant_id
        and newest.as_of = newest_days.as_of
