-- Grain: one row per tenant, day of the forecast, dimension, member and model that was tried.
select
    tenant_id,
    as_of,
    dimension,
    member as member_id,
    model,
    weight,
    mase,
    naive_mase,
    is_published,
    reason,
    cpu_seconds,
    failure,
    working_days_used,
    naive_share,
    widening
from {{ source('ml', 'forecast_models') }}
