-- Grain: one row per live client company of a tenant.
select
    tenant_id,
    id as company_id,
    name as company_name,
    industry,
    city,
    owner_user_id,
    created_at
from {{ source('crm', 'companies') }} final
