-- Grain: one row per live client company of a tenant, with the manager who owns it in the CRM.
select
    companies.tenant_id as tenant_id,
    companies.company_id as company_id,
    companies.company_name as company_name,
    coalesce(users.user_id, {{ none_member() }}) as manager_id,
    coalesce(users.user_name, {{ none_member() }}) as manager_name,
    coalesce(users.department_id, {{ none_member() }}) as department_id,
    coalesce(users.department_name, {{ none_member() }}) as department_name
from {{ ref('stg_crm__companies') }} as companies
left join {{ ref('dim_users') }} as users
    on companies.tenant_id = users.tenant_id and companies.owner_user_id = users.user_id
