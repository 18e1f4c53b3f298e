-- Grain: one row per tenant, day of the forecast, dimension, member, model, month and confidence; candidates included.
select
    tenant_id,
    as_of,
    dimension,
    member as member_id,
    month,
    horizon,
    model,
    confidence,
    point as forecast,
    lower,
    upper,
    point_unreconciled as forecast_unreconciled,
    is_published,
    reason,
    low_history,
    is_intermittent,
    history_months
from {{ source('ml', 'sales_forecast') }}
