-- Grain: one row per tenant and month, from the month of the tenant's first day to the as-of month: the spine of
-- zero rows.
select
    tenants.tenant_id as tenant_id,
    dates.month as month
from {{ ref('dim_tenants') }} as tenants
inner join {{ ref('dim_dates') }} as dates on true
where
    dates.day = dates.month
    and dates.month >= {{ first_of_month('tenants.first_day') }}
    and dates.month <= tenants.as_of_day
