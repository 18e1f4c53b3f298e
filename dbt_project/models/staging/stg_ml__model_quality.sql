-- Grain: one row per tenant, day, subject and method.
select
    tenant_id,
    as_of,
    subject,
    model_id,
    method,
    is_published,
    reason,
    judged_by,
    judged_on,
    n,
    base_rate,
    mean_probability,
    auc,
    brier,
    ece,
    lift
from {{ source('ml', 'model_quality') }}
