-- Grain: one row per entry of a live deal into a stage, in order, with the tenant-local day on which it happened.
select
    entries.tenant_id as tenant_id,
    entries.deal_id as deal_id,
    entries.ordinal as ordinal,
    entries.pipeline_id as pipeline_id,
    entries.stage_id as stage_id,
    entries.outcome as outcome,
    entries.entered_at as entered_at,
    {{ local_day('entries.entered_at', 'tenants.timezone') }} as entered_day
from {{ ref('int_deal_stage_entries') }} as entries
inner join {{ ref('dim_tenants') }} as tenants on entries.tenant_id = tenants.tenant_id
