-- Grain: one row per lead, on its creation day, with what it adds to each figure of leads_by_source. A marked duplicate
-- is counted apart.
select
    tenant_id,
    'lead' as record_type,
    lead_id as record_id,
    cast(created_day as Nullable(Date32)) as day,
    cast({{ first_of_month('created_day') }} as Nullable(Date32)) as month,
    source_id,
    source_name,
    source_group,
    source_type,
    department_id,
    department_name,
    manager_id,
    manager_name,
    cast(not is_duplicate as UInt8) as leads,
    cast(is_duplicate as UInt8) as duplicate_leads
from {{ ref('fct_leads') }}
