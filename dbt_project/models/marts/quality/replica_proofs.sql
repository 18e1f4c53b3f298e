-- Grain: tenant and table of the CRM: the newest comparison of the whole replica with the CRM. A comparison is of all
-- tenants' rows at once, so each tenant of the warehouse is told the same.
with proofs as (
    select
        tenants.tenant_id as tenant_id,
        done.table_name as table_name,
        argMax(done.is_clean, done.finished_at) as is_clean,
        argMax(done.buckets, done.finished_at) as buckets,
        argMax(done.buckets_differing, done.finished_at) as buckets_differing,
        argMax(done.rows_recent, done.finished_at) as rows_recent,
        argMax(done.rows_unstamped + done.rows_missing + done.rows_damaged, done.finished_at) as rows_repaired,
        argMax(done.tombstones, done.finished_at) as rows_deleted,
        max(done.finished_at) as proven_at
    from {{ ref('dim_tenants') }} as tenants
    inner join {{ ref('stg_ops__reconciliations') }} as done on true
    group by tenants.tenant_id, done.table_name
)

select
    tenant_id,
    table_name,
    is_clean,
    if(is_clean, 'equal', 'different') as proof,
    cast(buckets as UInt64) as buckets,
    cast(buckets_differing as UInt64) as buckets_differing,
    cast(rows_recent as UInt64) as rows_recent,
    cast(rows_repaired as UInt64) as rows_repaired,
    cast(rows_deleted as UInt64) as rows_deleted,
    proven_at
from proofs
