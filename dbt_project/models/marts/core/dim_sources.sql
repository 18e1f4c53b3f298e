-- Grain: one row per live lead source of a tenant, and one for (none). The group of a spelling comes from the seed
-- source_groups; a spelling that the seed does not list is a group of its own.
select
    sources.tenant_id as tenant_id,
    sources.source_id as source_id,
    sources.source_name as source_name,
    coalesce(source_groups.source_group, trim(sources.source_name)) as source_group,
    coalesce(sources.source_type, {{ none_member() }}) as source_type
from {{ ref('stg_crm__lead_sources') }} as sources
left join {{ ref('source_groups') }} as source_groups
    on lowerUTF8(trim(sources.source_name)) = source_groups.spelling
union all
select
    tenant_id,
    {{ none_member() }} as source_id,
    {{ none_member() }} as source_name,
    {{ none_member() }} as source_group,
    {{ none_member() }} as source_type
from {{ ref('stg_crm__tenants') }}
