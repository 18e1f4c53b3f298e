-- Grain: one row per tenant: the last day whose cohort of leads is old enough to judge; NULL where no lag is known.
select
    tenants.tenant_id as tenant_id,
    cast(
        tenants.as_of_day - toIntervalDay(intDiv(lags.p90_lag_days_times_ten + 9, 10)) as Nullable(Date32)
    ) as last_mature_day
from {{ ref('dim_tenants') }} as tenants
left join {{ ref('int_tenant_conversion_lags') }} as lags on tenants.tenant_id = lags.tenant_id
