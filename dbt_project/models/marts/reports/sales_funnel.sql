-- Grain: tenant, mode, creation day of the deal, pipeline, stage, manager (current owner) with department. mode
-- 'reached': deals that ever reached the stage; mode 'current': deals that stand on it now. Never add the two modes
-- up.
{{ config(materialized='changed_keys') }}
with zero_rows as (
    {{ zero_rows_of_sales_funnel() }}
),

rows_of_report as (
    select
        tenant_id,
        mode,
        day,
        pipeline_id,
        pipeline_name,
        stage_id,
        stage_name,
        stage_position,
        outcome,
        department_id,
        department_name,
        manager_id,
        manager_name,
        deals,
        amount_base,
        deals_without_amount,
        deals_without_rate,
        lost_stage_unknown,
        stage_visits,
        seconds_in_stage
    from {{ ref('sales_funnel_records') }}
    where {{ only_changed_slices() }} and {{ only_deals_of_changed_slices() }}
    union all
    select * from zero_rows
    where {{ only_changed_slices() }}
)

select
    report.tenant_id as tenant_id,
    report.mode as mode,
    cast(report.day as Nullable(Date32)) as day,
    cast({{ first_of_month('report.day') }} as Nullable(Date32)) as month,
    report.pipeline_id as pipeline_id,
    any(report.pipeline_name) as pipeline_name,
    report.stage_id as stage_id,
    any(report.stage_name) as stage_name,
    any(report.stage_position) as stage_position,
    any(report.outcome) as outcome,
    report.department_id as department_id,
    any(report.department_name) as department_name,
    report.manager_id as manager_id,
    any(report.manager_name) as manager_name,
    cast(sum(report.deals) as UInt64) as deals,
    cast(sum(report.amount_base) as Decimal(18, 2)) as amount_base,
    cast(sum(report.deals_without_amount) as UInt64) as deals_without_amount,
    cast(sum(report.deals_without_rate) as UInt64) as deals_without_rate,
    cast(sum(report.lost_stage_unknown) as UInt64) as lost_stage_unknown,
    cast(sum(report.stage_visits) as UInt64) as stage_visits,
    cast(sum(report.seconds_in_stage) as UInt64) as seconds_in_stage,
    cast(
        arraySort(groupArrayIf(report.seconds_in_stage, report.stage_visits = 1)) as Array(UInt64)
    ) as seconds_in_stage_values
from rows_of_report as report
group by
    report.tenant_id, report.mode, report.day, report.pipeline_id, report.stage_id, report.department_id,
    report.manager_id
