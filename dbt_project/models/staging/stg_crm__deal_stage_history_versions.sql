-- Grain: one row per loaded version of a row of the history, tombstones included: what a load brought, not what
-- holds now.
select
    tenant_id,
    id as history_id,
    deal_id,
    changed_at,
    _extracted_at as loaded_at
from {{ source('crm', 'deal_stage_history') }}
