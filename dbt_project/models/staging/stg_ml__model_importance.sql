-- Grain: one row per tenant, day, subject and feature.
select
    tenant_id,
    as_of,
    subject,
    model_id,
    feature,
    importance,
    share
from {{ source('ml', 'model_importance') }}
