-- Grain: one row per finished comparison of a whole replica with the CRM.
select
    table_name,
    buckets,
    buckets_differing,
    rows_recent,
    rows_unstamped,
    rows_missing,
    rows_damaged,
    tombstones,
    clean as is_clean,
    finished_at
from {{ source('ops', 'reconciliation') }}
where scope = 'table'
