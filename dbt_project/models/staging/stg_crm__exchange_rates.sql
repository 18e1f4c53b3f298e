-- Grain: one row per tenant, currency and day that has a rate.
select
    tenant_id,
    currency,
    rate_on,
    cast(rate as Decimal(18, 8)) as rate
from {{ source('crm', 'exchange_rates') }} final
