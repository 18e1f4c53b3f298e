-- Grain: one row per live company and contact person of a tenant, and one for (none): whoever may buy. The manager is the
-- owner of the company in the CRM; a person has none.
select
    companies.tenant_id as tenant_id,
    'company' as customer_kind,
    companies.company_id as customer_id,
    coalesce(companies.company_name, companies.company_id) as customer_name,
    coalesce(users.user_id, {{ none_member() }}) as manager_id,
    coalesce(users.user_name, {{ none_member() }}) as manager_name,
    coalesce(users.department_id, {{ none_member() }}) as department_id,
    coalesce(users.department_name, {{ none_member() }}) as department_name
from {{ ref('stg_crm__companies') }} as companies
left join {{ ref('dim_users') }} as users
    on companies.tenant_id = users.tenant_id and companies.owner_user_id = users.user_id
union all
select
    tenant_id,
    'contact' as customer_kind,
    contact_id as customer_id,
    -- Names of persons are not loaded.
    contact_id as customer_name,
    {{ none_member() }} as manager_id,
    {{ none_member() }} as manager_name,
    {{ none_member() }} as department_id,
    {{ none_member() }} as department_name
from {{ ref('stg_crm__contacts') }}
union all
select
    tenant_id,
    {{ none_member() }} as customer_kind,
    {{ none_member() }} as customer_id,
    {{ none_member() }} as customer_name,
    {{ none_member() }} as manager_id,
    {{ none_member() }} as manager_name,
    {{ none_member() }} as department_id,
    {{ none_member() }} as department_name
from {{ ref('stg_crm__tenants') }}
