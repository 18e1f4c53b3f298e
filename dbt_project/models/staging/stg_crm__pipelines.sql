-- Grain: one row per live pipeline of a tenant.
select
    tenant_id,
    id as pipeline_id,
    name as pipeline_name,
    position as pipeline_position
from {{ source('crm', 'pipelines') }} final
