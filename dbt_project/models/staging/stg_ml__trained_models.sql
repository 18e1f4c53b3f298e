-- Grain: one row per tenant, day of the training and subject.
select
    tenant_id,
    as_of,
    subject,
    model_id,
    address,
    sha256,
    published,
    reason
from {{ source('ml', 'trained_models') }}
