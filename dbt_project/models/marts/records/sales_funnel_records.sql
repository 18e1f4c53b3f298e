-- Grain: one row per deal, stage and mode, on the deal's creation day, with what it adds to each figure of
-- sales_funnel. mode 'reached': the deal ever reached the stage; mode 'current': it stands on it now. Never add the two
-- modes up.
with deal_stages as (
    select
        stages.tenant_id as tenant_id,
        stages.deal_id as deal_id,
        arrayJoin(arrayConcat(if(stages.is_reached, ['reached'], []), if(stages.is_current, ['current'], []))) as mode,
        deals.created_day as created_day,
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
        deals.amount as deal_amount,
        deals.amount_base as deal_amount_base,
        stages.is_lost_stage_unknown as is_lost_stage_unknown,
        stages.seconds_in_stage as deal_seconds
    from {{ ref('fct_deal_stages') }} as stages
    inner join {{ ref('fct_deals') }} as deals
        on stages.tenant_id = deals.tenant_id and stages.deal_id = deals.deal_id
)

select
    tenant_id,
    'deal' as record_type,
    deal_id as record_id,
    mode,
    cast(created_day as Nullable(Date32)) as day,
    cast({{ first_of_month('created_day') }} as Nullable(Date32)) as month,
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
    cast(1 as UInt8) as deals,
    cast(coalesce(deal_amount_base, 0) as Decimal(18, 2)) as amount_base,
    cast(deal_amount is null as UInt8) as deals_without_amount,
    cast(deal_amount is not null and deal_amount_base is null as UInt8) as deals_without_rate,
    cast(mode = 'reached' and is_lost_stage_unknown as UInt8) as lost_stage_unknown,
    cast(mode = 'reached' and deal_seconds is not null as UInt8) as stage_visits,
    cast(if(mode = 'reached', coalesce(deal_seconds, 0), 0) as UInt64) as seconds_in_stage
from deal_stages
