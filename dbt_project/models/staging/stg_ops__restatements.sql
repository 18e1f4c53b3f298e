-- Grain: tenant, mart, month, measure and run: a figure of a closed month that a run found changed.
select
    tenant_id,
    mart,
    month,
    measure,
    value_from,
    value_to,
    records,
    detected_at,
    run_id
from {{ source('ops', 'restatements') }}
