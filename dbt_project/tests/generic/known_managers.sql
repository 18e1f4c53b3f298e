{#- Fails with the rows whose tenant is not in the CRM, or whose manager is not among the tenant's live users. -#}
{% test known_managers(model) %}
select
    targets.tenant_id as tenant_id,
    targets.manager_id as manager_id,
    count() as row_count,
    if(any(tenants.tenant_id) is null, 'no such tenant', 'no such live user') as problem
from {{ model }} as targets
left join {{ ref('dim_tenants') }} as tenants on targets.tenant_id = tenants.tenant_id
left join {{ ref('dim_users') }} as users
    on targets.tenant_id = users.tenant_id and targets.manager_id = users.user_id
where users.user_id is null
group by targets.tenant_id, targets.manager_id
{% endtest %}
