-- Grain: one row per finished load of a replica.
select
    table_name,
    boundary as loaded_until,
    finished_at
from {{ source('ops', 'extraction_state') }}
