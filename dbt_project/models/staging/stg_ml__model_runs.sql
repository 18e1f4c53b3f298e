-- Grain: one row per task, tenant, day that it stands on, and attempt.
select
    run_id,
    task,
    tenant_id,
    as_of,
    status,
    error,
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
from {{ source('ml', 'model_runs') }}
