-- Grain: one row per live deal of a tenant.
select
    tenant_id,
    id as deal_id,
    title as deal_title,
    pipeline_id,
    stage_id,
    owner_user_id,
    company_id,
    contact_id,
    lead_id,
    cast(amount as Nullable(Decimal(18, 2))) as amount,
    currency,
    expected_close_on,
    closed_at,
    closed_on,
    created_at
from {{ source('crm', 'deals') }} final
