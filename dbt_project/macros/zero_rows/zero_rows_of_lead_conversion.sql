{#- The rows of zeros of report lead_conversion: one per month and source. -#}
{% macro zero_rows_of_lead_conversion() -%}
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
        coalesce(months.month <= maturity.last_mature_day, false) as is_mature,
        0 as leads,
        0 as converted_leads,
        0 as converted_30d,
        0 as converted_60d,
        0 as converted_90d,
        0 as won_leads,
        0 as period_converted_leads,
        0 as negative_lag_leads,
        0 as direct_deals
    from {{ ref('int_tenant_months') }} as months
    inner join {{ ref('dim_sources') }} as sources on months.tenant_id = sources.tenant_id
    inner join {{ ref('int_tenant_maturity') }} as maturity on months.tenant_id = maturity.tenant_id
    where sources.source_id != {{ none_member() }}
{%- endmacro %}
