-- Grain: one row per tenant, day, subject and feature.
select
    tenant_id,
    as_of,
    subject,
    model_id,
    feature,
    psi,
    drift,
    is_used,
    reason
from {{ source('ml', 'model_drift') }}
