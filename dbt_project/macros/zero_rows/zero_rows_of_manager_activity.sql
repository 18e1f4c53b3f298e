{#- The rows of zeros of report manager_activity: one per day of each active manager. -#}
{% macro zero_rows_of_manager_activity() -%}
    select
        managers.tenant_id as tenant_id,
        dates.day as day,
        managers.department_id as department_id,
        managers.department_name as department_name,
        managers.user_id as manager_id,
        managers.user_name as manager_name,
        0 as tasks,
        0 as calls,
        0 as meetings,
        0 as emails,
        0 as other,
        0 as total,
        toInt64(0) as minutes,
        0 as overdue_open_tasks,
        0 as completed_without_date
    from {{ ref('dim_users') }} as managers
    inner join {{ ref('dim_tenants') }} as tenants on managers.tenant_id = tenants.tenant_id
    inner join {{ ref('dim_dates') }} as dates on true
    where
        managers.role = 'manager'
        and (managers.is_active or managers.deactivated_day is not null)
        and dates.day >= greatest(managers.created_day, tenants.first_day)
        and dates.day <= least(coalesce(managers.deactivated_day, tenants.as_of_day), tenants.as_of_day)
{%- endmacro %}
