-- Grain: one row per tenant, month and manager that has a plan. A plan for someone who is not a live user stands under
-- (none): the company's plan stays whole, and a warning names the row. Plans of tenants that are not in the CRM are
-- left out, with a warning too.
select
    targets.tenant_id as tenant_id,
    targets.month as month,
    coalesce(users.user_id, {{ none_member() }}) as manager_id,
    any(coalesce(users.user_name, {{ none_member() }})) as manager_name,
    any(coalesce(users.department_id, {{ none_member() }})) as department_id,
    any(coalesce(users.department_name, {{ none_member() }})) as department_name,
    cast(targets.month > any(tenants.as_of_day) as Bool) as is_future,
    cast(sum(targets.target_amount) as Decimal(18, 2)) as target_amount_base,
    cast(sum(targets.target_deals) as UInt64) as target_deals
from {{ ref('sales_targets') }} as targets
inner join {{ ref('dim_tenants') }} as tenants on targets.tenant_id = tenants.tenant_id
left join {{ ref('dim_users') }} as users
    on targets.tenant_id = users.tenant_id and targets.manager_id = users.user_id
where targets.target_amount != 0 or targets.target_deals != 0
group by targets.tenant_id, targets.month, manager_id
