-- Grain: tenant, mode, creation day of the deal, pipeline, stage, manager (current owner) with department. mode
-- 'reached': deals that ever reached the stage; mode 'current': deals that stand on it now. Never add the two modes
-- up.
with deal_stages as (
    select
        stages.tenant_id as tenant_id,
        deals.created_day as day,
        stages.pipeline_id as pipeline_id,
        stages.pipeline_name as pipeline_name,
        stages.stage_id as stage_id,
        stages.stage_name as stage_name,
        stages.stage_position as stage_position,
        stages.outcome as outcome,
        deals.department_id as department_id,
        deals.department_name as department_name,
        deals.manager_id as manager_id,
        deals.manager_name as manager_name,
        coalesce(deals.amount_base, 0) as amount_base,
        deals.amount is null as is_without_amount,
        deals.amount is not null and deals.amount_base is null as is_without_rate,
        stages.is_reached as is_reached,
        stages.is_current as is_current,
        stages.is_lost_stage_unknown as is_lost_stage_unknown,
        stages.seconds_in_stage as deal_seconds
    from {{ ref('fct_deal_stages') }} as stages
    inner join {{ ref('fct_deals') }} as deals
        on stages.tenant_id = deals.tenant_id and stages.deal_id = deals.deal_id
),

reached as (
    select
        tenant_id,
        'reached' as mode,
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
        toUInt64(1) as deals,
        amount_base,
        is_without_amount,
        is_without_rate,
        is_lost_stage_unknown,
        deal_seconds
    from deal_stages
    where is_reached
),

current_stages as (
    select
        tenant_id,
        'current' as mode,
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
        toUInt64(1) as deals,
        amount_base,
        is_without_amount,
        is_without_rate,
        false as is_lost_stage_unknown,
        null as deal_seconds
    from deal_stages
    where is_current
),

zero_rows as (
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
        toUInt64(0) as deals,
        toDecimal64(0, 2) as amount_base,
        false as is_without_amount,
        false as is_without_rate,
        false as is_lost_stage_unknown,
        null as deal_seconds
    from {{ ref('int_tenant_months') }} as months
    inner join {{ ref('dim_stages') }} as stages on months.tenant_id = stages.tenant_id
    where stages.is_live
),

rows_of_report as (
    select * from reached
    union all
    select * from current_stages
    union all
    select * from zero_rows
)

select
    tenant_id,
    mode,
    cast(day as Nullable(Date32)) as day,
    cast({{ first_of_month('day') }} as Nullable(Date32)) as month,
    pipeline_id,
    any(pipeline_name) as pipeline_name,
    stage_id,
    any(stage_name) as stage_name,
    any(stage_position) as stage_position,
    any(outcome) as outcome,
    department_id,
    any(department_name) as department_name,
    manager_id,
    any(manager_name) as manager_name,
    cast(sum(deals) as UInt64) as deals,
    cast(sum(amount_base) as Decimal(18, 2)) as amount_base,
    cast(sum(is_without_amount) as UInt64) as deals_without_amount,
    cast(sum(is_without_rate) as UInt64) as deals_without_rate,
    cast(sum(is_lost_stage_unknown) as UInt64) as lost_stage_unknown,
    cast(count(deal_seconds) as UInt64) as stage_visits,
    cast(coalesce(sum(deal_seconds), 0) as UInt64) as seconds_in_stage,
    cast(arraySort(groupArray(deal_seconds)) as Array(UInt64)) as seconds_in_stage_values
from rows_of_report
group by tenant_id, mode, day, pipeline_id, stage_id, department_id, manager_id
