-- Grain: one row per tenant of the CRM.
select
    tenant_id,
    name as tenant_name,
    timezone,
    currency,
    locale,
    is_active
from {{ source('crm', 'tenants') }} final
