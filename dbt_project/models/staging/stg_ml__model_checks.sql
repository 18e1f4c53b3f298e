-- Grain: one row per tenant, day and subject.
select
    tenant_id,
    as_of,
    subject,
    model_id,
    cutoff,
    is_out_of_sample,
    passed,
    n,
    expected,
    observed,
    ece,
    ece_by_chance,
    tolerated
from {{ source('ml', 'model_checks') }}
