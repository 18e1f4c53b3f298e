-- Grain: one row per live user of a tenant, and one for (none). The department is the user's current one.
select
    users.tenant_id as tenant_id,
    users.user_id as user_id,
    users.user_name as user_name,
    coalesce(departments.department_id, {{ none_member() }}) as department_id,
    coalesce(departments.department_name, {{ none_member() }}) as department_name,
    users.role as role,
    users.is_active as is_active,
    {{ local_day('users.created_at', 'tenants.timezone') }} as created_day,
    {{ local_day('users.deactivated_at', 'tenants.timezone') }} as deactivated_day
from {{ ref('stg_crm__users') }} as users
inner join {{ ref('stg_crm__tenants') }} as tenants on users.tenant_id = tenants.tenant_id
left join {{ ref('stg_crm__departments') }} as departments
    on users.tenant_id = departments.tenant_id and users.department_id = departments.department_id
union all
select
    tenant_id,
    {{ none_member() }} as user_id,
    {{ none_member() }} as user_name,
    {{ none_member() }} as department_id,
    {{ none_member() }} as department_name,
    {{ none_member() }} as role,
    false as is_active,
    null as created_day,
    null as deactivated_day
from {{ ref('stg_crm__tenants') }}
