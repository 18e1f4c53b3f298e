-- Grain: one row per live message or call text of a tenant.
select
    tenant_id,
    id as message_id,
    activity_id,
    deal_id,
    lead_id,
    contact_id,
    user_id,
    channel,
    direction,
    language,
    body,
    sent_at
from {{ source('crm', 'messages') }} final
