{#- The rows of zeros of report leads_by_source: one per month and source. -#}
{% macro zero_rows_of_leads_by_source() -%}
    select
        months.tenant_id as tenant_id,
        months.month as day,
        sources.source_id as source_id,
        sources.source_name as source_name,
        sources.source_group as source_group,
        sources.source_type as source_type,
        {{ none_member() }} as department_id,
        {{ none_member() }} as department_name,
        {{ none_member() }} as manager_id,
        {{ none_member() }} as manager_name,
        0 as leads,
        0 as duplicate_leads
    from {{ ref('int_tenant_months') }} as months
    inner join {{ ref('dim_sources') }} as sources on months.tenant_id = sources.tenant_id
    where sources.source_id != {{ none_member() }}
{%- endmacro %}
