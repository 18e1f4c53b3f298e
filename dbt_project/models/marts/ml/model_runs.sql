-- Grain: one row per task, tenant, day that it stands on, and attempt, failed ones included.
select
    tenant_id,
    cast(task as String) as task,
    cast(as_of as Date32) as as_of,
    run_id,
    cast(status as String) as status,
    error,
    cast(1 as UInt64) as runs,
    cast(status = 'failed' as UInt64) as failures,
    rows_written,
    data_hash,
    versions,
    parameters,
    metrics,
    seconds,
    cpu_seconds,
    started_at,
    finished_at,
    dagster_run_id
from {{ ref('stg_ml__model_runs') }}
