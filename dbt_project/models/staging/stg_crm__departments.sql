-- Grain: one row per live department of a tenant.
select
    tenant_id,
    id as department_id,
    name as department_name,
    parent_id as parent_department_id,
    head_user_id
from {{ source('crm', 'departments') }} final
