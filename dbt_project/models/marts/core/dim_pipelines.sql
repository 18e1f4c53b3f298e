-- Grain: one row per live pipeline of a tenant, and one for (none).
select
    tenant_id,
    pipeline_id,
    pipeline_name,
    pipeline_position
from {{ ref('stg_crm__pipelines') }}
union all
select
    tenant_id,
    {{ none_member() }} as pipeline_id,
    {{ none_member() }} as pipeline_name,
    toInt32(2147483647) as pipeline_position
from {{ ref('stg_crm__tenants') }}
