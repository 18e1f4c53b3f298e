-- Grain: one row per tenant, day of the forecast, earlier day and method.
select
    tenant_id,
    as_of,
    origin,
    quarter_start,
    method,
    point as forecast,
    sd,
    actual,
    absolute_error
from {{ source('ml', 'quarter_backtest') }}
