-- Grain: one row per live message, without its text, with the tenant-local day on which it was sent.
select
    messages.tenant_id as tenant_id,
    messages.message_id as message_id,
    messages.deal_id as deal_id,
    messages.lead_id as lead_id,
    messages.contact_id as contact_id,
    messages.channel as channel,
    messages.direction as direction,
    messages.sent_at as sent_at,
    {{ local_day('messages.sent_at', 'tenants.timezone') }} as sent_day
from {{ ref('stg_crm__messages') }} as messages
inner join {{ ref('dim_tenants') }} as tenants on messages.tenant_id = tenants.tenant_id
