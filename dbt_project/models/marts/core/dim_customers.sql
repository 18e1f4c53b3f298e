-- Grain: one row per live company and contact person of a tenant, and one for (none): whoever may buy.
select
    tenant_id,
    'company' as customer_kind,
    company_id as customer_id,
    coalesce(company_name, company_id) as customer_name
from {{ ref('stg_crm__companies') }}
union all
select
    tenant_id,
    'contact' as customer_kind,
    contact_id as customer_id,
    -- Names of persons are not loaded.
    contact_id as customer_name
from {{ ref('stg_crm__contacts') }}
union all
select
    tenant_id,
    {{ none_member() }} as customer_kind,
    {{ none_member() }} as customer_id,
    {{ none_member() }} as customer_name
from {{ ref('stg_crm__tenants') }}
