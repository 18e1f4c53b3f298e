{#- The rows of zeros of report sales_funnel: one per month and live stage. -#}
{% macro zero_rows_of_sales_funnel() -%}
    select
        months.tenant_id as tenant_id,
        arrayJoin(if(stages.is_funnel_stage, ['reached', 'current'], ['current'])) as mode,
        months.month as day,
        stages.pipeline_id as pipeline_id,
        stages.pipeline_name as pipeline_name,
        stages.stage_id as stage_id,
        stages.stage_name as stage_name,
        stages.stage_position as stage_position,
        stages.outcome as outcome,
        {{ none_member() }} as department_id,
        {{ none_member() }} as department_name,
        {{ none_member() }} as manager_id,
        {{ none_member() }} as manager_name,
        0 as deals,
        toDecimal64(0, 2) as amount_base,
        0 as deals_without_amount,
        0 as deals_without_rate,
        0 as lost_stage_unknown,
        0 as stage_visits,
        toUInt64(0) as seconds_in_stage
    from {{ ref('int_tenant_months') }} as months
    inner join {{ ref('dim_stages') }} as stages on months.tenant_id = stages.tenant_id
    where stages.is_live
{%- endmacro %}
