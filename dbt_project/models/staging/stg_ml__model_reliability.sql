-- Grain: one row per tenant, day, subject, method and bin of the chance.
select
    tenant_id,
    as_of,
    subject,
    model_id,
    method,
    bin,
    lower,
    upper,
    mean_probability,
    observed_rate,
    n
from {{ source('ml', 'model_reliability') }}
