-- Grain: tenant, mart, month, measure and run: a figure of a closed month that a run found changed.
select
    tenant_id,
    mart,
    month,
    measure,
    value_from,
    value_to,
    cast(value_to - value_from as Decimal(38, 2)) as difference,
    cast(length(records) as UInt64) as record_count,
    detected_at,
    run_id
from {{ ref('stg_ops__restatements') }}
