-- In mode reached no stage holds more deals than a stage before it, per tenant, pipeline and cohort day.
with stage_totals as (
    select
        tenant_id,
        day,
        pipeline_id,
        stage_position,
        sum(deals) as deals
    from {{ ref('sales_funnel') }}
    where mode = 'reached'
    group by tenant_id, day, pipeline_id, stage_position, stage_id
)

select
    earlier.tenant_id as tenant_id,
    earlier.day as day,
    earlier.pipeline_id as pipeline_id,
    earlier.stage_position as earlier_position,
    later.stage_position as later_position,
    earlier.deals as earlier_deals,
    later.deals as later_deals
from stage_totals as earlier
inner join stage_totals as later
    on
        earlier.tenant_id = later.tenant_id
        and earlier.day = later.day
        and earlier.pipeline_id = later.pipeline_id
where earlier.stage_position < later.stage_position and earlier.deals < later.deals
