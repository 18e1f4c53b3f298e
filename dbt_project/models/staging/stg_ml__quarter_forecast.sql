-- Grain: one row per tenant, day of the forecast, method and confidence.
select
    tenant_id,
    as_of,
    quarter_start,
    quarter_end,
    method,
    confidence,
    point as forecast,
    lower,
    upper,
    booked,
    open_deals,
    expected_open,
    expected_new,
    weight,
    backtest_error,
    backtest_quarters,
    is_published,
    reason
from {{ source('ml', 'quarter_forecast') }}
