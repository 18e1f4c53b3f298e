-- Grain: tenant, day of the forecast, method and confidence: the quarter of that day by deals, by months and by both.
with newest as (
    select
        tenant_id,
        max(as_of) as as_of
    from {{ ref('stg_ml__quarter_forecast') }}
    group by tenant_id
)

select
    forecasts.tenant_id as tenant_id,
    cast(forecasts.as_of as Date32) as as_of,
    forecasts.quarter_start as quarter_start,
    forecasts.quarter_end as quarter_end,
    cast(forecasts.method as String) as method,
    forecasts.confidence as confidence,
    forecasts.forecast as forecast,
    forecasts.lower as lower,
    forecasts.upper as upper,
    forecasts.booked as booked,
    forecasts.open_deals as open_deals,
    forecasts.expected_open as expected_open,
    forecasts.expected_new as expected_new,
    forecasts.weight as weight,
    forecasts.backtest_error as backtest_error,
    forecasts.backtest_quarters as backtest_quarters,
    forecasts.is_published as is_published,
    cast(forecasts.reason as String) as reason,
    cast(forecasts.as_of = newest.as_of as Bool) as is_newest
from {{ ref('stg_ml__quarter_forecast') }} as forecasts
inner join newest on forecasts.tenant_id = newest.tenant_id
