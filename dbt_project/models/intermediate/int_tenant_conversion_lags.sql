-- Grain: one row per tenant with a known conversion lag: ten times the 90th percentile of its lags in days,
-- interpolated between order statistics. Times ten keeps it a whole number: binary fractions would flip exact ties.
with lags as (
    select
        tenant_id,
        arraySort(groupArray(toInt64(assumeNotNull(conversion_lag_days)))) as lag_days
    from {{ ref('fct_leads') }}
    where not is_duplicate and conversion_lag_days is not null
    group by tenant_id
)

select
    tenant_id,
    9 * (toInt64(length(lag_days)) - 1) as tenths,
    10 * lag_days[intDiv(tenths, 10) + 1]
    + (tenths % 10) * (lag_days[least(intDiv(tenths, 10) + 2, length(lag_days))] - lag_days[intDiv(tenths, 10) + 1])
        as p90_lag_days_times_ten
from lags
