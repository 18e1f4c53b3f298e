{#- The rows of zeros of report sales_by_month: one per month, manager and pipeline. Plans stand among them: they come from no record either. -#}
{% macro zero_rows_of_sales_by_month() -%}
    select
        months.tenant_id as tenant_id,
        months.month as day,
        managers.department_id as department_id,
        managers.department_name as department_name,
        managers.user_id as manager_id,
        managers.user_name as manager_name,
        {{ none_member() }} as manager_at_close_id,
        {{ none_member() }} as manager_at_close_name,
        pipelines.pipeline_id as pipeline_id,
        pipelines.pipeline_name as pipeline_name,
        false as is_future,
        0 as won_deals,
        toDecimal64(0, 2) as won_amount_base,
        0 as deals_without_amount,
        0 as deals_without_rate,
        toDecimal64(0, 2) as target_amount_base,
        0 as target_deals
    from {{ ref('int_tenant_months') }} as months
    inner join {{ ref('dim_users') }} as managers on months.tenant_id = managers.tenant_id
    inner join {{ ref('dim_pipelines') }} as pipelines on months.tenant_id = pipelines.tenant_id
    where managers.role = 'manager' and pipelines.pipeline_id != {{ none_member() }}
    union all
    select
        tenant_id,
        month as day,
        department_id,
        department_name,
        manager_id,
        manager_name,
        {{ none_member() }} as manager_at_close_id,
        {{ none_member() }} as manager_at_close_name,
        {{ none_member() }} as pipeline_id,
        {{ none_member() }} as pipeline_name,
        is_future,
        0 as won_deals,
        toDecimal64(0, 2) as won_amount_base,
        0 as deals_without_amount,
        0 as deals_without_rate,
        target_amount_base,
        target_deals
    from {{ ref('fct_sales_targets') }}
{%- endmacro %}
