-- Grain: one row per tenant, day of the forecast and deal that was open.
select
    tenant_id,
    as_of,
    deal_id,
    pipeline_id,
    stage_id,
    owner_id as manager_id,
    days_in_stage,
    amount,
    win_probability,
    expected_amount,
    landmarks
from {{ source('ml', 'quarter_deals') }}
