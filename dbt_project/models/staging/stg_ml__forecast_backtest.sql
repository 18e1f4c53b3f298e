-- Grain: one row per tenant, day of the forecast, dimension, member, model, cut-off and month.
select
    tenant_id,
    as_of,
    dimension,
    member as member_id,
    model,
    origin,
    month,
    horizon,
    actual,
    point as forecast,
    absolute_error,
    scaled_error
from {{ source('ml', 'forecast_backtest') }}
