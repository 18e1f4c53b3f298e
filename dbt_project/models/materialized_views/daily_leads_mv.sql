-- Grain: tenant, creation day, source. Marked duplicates are counted apart. No zero rows.
select
    tenant_id,
    day,
    source_id,
    any(source_name) as source_name,
    any(source_group) as source_group,
    any(source_type) as source_type,
    cast(sum(leads) as UInt64) as leads,
    cast(sum(duplicate_leads) as UInt64) as duplicate_leads,
    now64(3, 'UTC') as refreshed_at
from {{ ref('leads_by_source') }}
group by tenant_id, day, source_id
having leads > 0 or duplicate_leads > 0
