-- Grain: one row per live deal. Its amount in the tenant's currency uses the rate of the close day, or of the as-of day
-- while it is open.
with closes as (
    select * from {{ ref('int_deal_close_moments') }}
    where {{ only_changed('deals', ['tenant_id', 'deal_id']) }}
),

owners_at_close as (
    select
        tenant_id,
        deal_id,
        owner_at_close_user_id
    from {{ ref('int_deal_owners_at_close') }}
    where {{ only_changed('deals', ['tenant_id', 'deal_id']) }}
),

referred_leads as (
    select cityHash64(tenant_id, lead_id) as hash
    from {{ ref('stg_crm__deals') }}
    where lead_id is not null and {{ only_changed('deals', ['tenant_id', 'deal_id']) }}
),

leads as (
    select
        tenant_id,
        lead_id,
        source_id
    from {{ ref('stg_crm__leads') }}
    where
        -- A join holds its right side in memory: few of all leads have a deal.
        cityHash64(tenant_id, lead_id) in (select referred_leads.hash from referred_leads)
        -- The leads of changed deals are among the changed leads.
        and {{ only_changed('leads', ['tenant_id', 'lead_id']) }}
),

deals as (
    select
        deals.tenant_id as tenant_id,
        deals.deal_id as deal_id,
        deals.deal_title as deal_title,
        deals.pipeline_id as pipeline_id,
        deals.stage_id as stage_id,
        deals.owner_user_id as owner_user_id,
        deals.company_id as company_id,
        deals.contact_id as contact_id,
        deals.lead_id as lead_id,
        deals.amount as amount,
        deals.currency as currency,
        deals.expected_close_on as expected_close_on,
        deals.created_at as created_at,
        closes.outcome as outcome,
        closes.closed_at as closed_at,
        closes.closed_day as closed_day,
        tenants.currency as tenant_currency,
        tenants.as_of_day as as_of_day,
        {{ local_day('deals.created_at', 'tenants.timezone') }} as created_day,
        coalesce(closes.closed_day, tenants.as_of_day) as rate_day
    from {{ ref('stg_crm__deals') }} as deals
    inner join {{ ref('dim_tenants') }} as tenants on deals.tenant_id = tenants.tenant_id
    inner join closes
        on deals.tenant_id = closes.tenant_id and deals.deal_id = closes.deal_id
    where {{ only_changed('deals', ['deals.tenant_id', 'deals.deal_id']) }}
),

rated as (
    select
        deals.*,
        {{ exchange_rate('deals.currency', 'deals.tenant_currency', 'deals.rate_day', 'rates.rate_on', 'rates.rate') }}
            as exchange_rate
    from deals
    asof left join {{ ref('stg_crm__exchange_rates') }} as rates
        on
            deals.tenant_id = rates.tenant_id
            and deals.currency = rates.currency
            and deals.rate_day >= rates.rate_on
)

select
    rated.tenant_id as tenant_id,
    rated.deal_id as deal_id,
    rated.deal_title as deal_title,
    coalesce(pipelines.pipeline_id, {{ none_member() }}) as pipeline_id,
    coalesce(pipelines.pipeline_name, {{ none_member() }}) as pipeline_name,
    rated.stage_id as stage_id,
    rated.outcome as outcome,
    coalesce(managers.user_id, {{ none_member() }}) as manager_id,
    coalesce(managers.user_name, {{ none_member() }}) as manager_name,
    coalesce(managers.department_id, {{ none_member() }}) as department_id,
    coalesce(managers.department_name, {{ none_member() }}) as department_name,
    coalesce(managers_at_close.user_id, {{ none_member() }}) as manager_at_close_id,
    coalesce(managers_at_close.user_name, {{ none_member() }}) as manager_at_close_name,
    rated.company_id as company_id,
    rated.contact_id as contact_id,
    rated.lead_id as lead_id,
    leads.lead_id is null as is_direct,
    coalesce(sources.source_id, {{ none_member() }}) as source_id,
    coalesce(sources.source_name, {{ none_member() }}) as source_name,
    coalesce(sources.source_group, {{ none_member() }}) as source_group,
    rated.amount as amount,
    rated.currency as currency,
    rated.exchange_rate as exchange_rate,
    {{ amount_base('rated.amount', 'rated.exchange_rate') }} as amount_base,
    rated.expected_close_on as expected_close_on,
    rated.created_at as created_at,
    assumeNotNull(rated.created_day) as created_day,
    rated.closed_at as closed_at,
    rated.closed_day as closed_day,
    coalesce(rated.closed_day > rated.as_of_day, false) as is_future
from rated
left join {{ ref('dim_pipelines') }} as pipelines
    on rated.tenant_id = pipelines.tenant_id and rated.pipeline_id = pipelines.pipeline_id
left join {{ ref('dim_users') }} as managers
    on rated.tenant_id = managers.tenant_id and rated.owner_user_id = managers.user_id
left join owners_at_close
    on rated.tenant_id = owners_at_close.tenant_id and rated.deal_id = owners_at_close.deal_id
left join {{ ref('dim_users') }} as managers_at_close
    on
        rated.tenant_id = managers_at_close.tenant_id
        and if(owners_at_close.deal_id is null, rated.owner_user_id, owners_at_close.owner_at_close_user_id)
        = managers_at_close.user_id
left join leads
    on rated.tenant_id = leads.tenant_id and rated.lead_id = leads.lead_id
left join {{ ref('dim_sources') }} as sources
    on leads.tenant_id = sources.tenant_id and leads.source_id = sources.source_id
