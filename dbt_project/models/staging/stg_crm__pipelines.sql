-- Grain: one row per live pipeline of a tenant.
select
    tenant_id,
    id as pipeline_id,
    name as pipeline_name,
    cast(position as Int32) as pipeline_position
from {{ source('crm', 'pipelines') }} final
