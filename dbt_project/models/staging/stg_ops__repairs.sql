-- Grain: one row per comparison of a replica with the CRM that changed rows of the replica.
select
    table_name,
    finished_at
from {{ source('ops', 'reconciliation') }}
where rows_recent + rows_unstamped + rows_missing + rows_damaged + tombstones > 0
