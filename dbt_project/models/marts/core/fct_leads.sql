-- Grain: one row per live lead, duplicates included and marked.
with conversions as (
    select * from {{ ref('int_lead_conversions') }}
    where {{ only_changed('leads', ['tenant_id', 'lead_id']) }}
),

leads as (
    select
        leads.tenant_id as tenant_id,
        leads.lead_id as lead_id,
        leads.lead_status as lead_status,
        leads.source_id as source_id,
        leads.owner_user_id as owner_user_id,
        leads.company_id as company_id,
        leads.contact_id as contact_id,
        leads.is_duplicate as is_duplicate,
        leads.created_at as created_at,
        {{ local_day('leads.created_at', 'tenants.timezone') }} as created_day,
        conversions.lead_id is not null as is_converted,
        conversions.conversion_moment as conversion_moment,
        {{ local_day('conversions.conversion_moment', 'tenants.timezone') }} as conversion_day,
        coalesce(conversions.is_won, false) as is_won
    from {{ ref('stg_crm__leads') }} as leads
    inner join {{ ref('stg_crm__tenants') }} as tenants on leads.tenant_id = tenants.tenant_id
    left join conversions
        on leads.tenant_id = conversions.tenant_id and leads.lead_id = conversions.lead_id
    where {{ only_changed('leads', ['leads.tenant_id', 'leads.lead_id']) }}
)

select
    leads.tenant_id as tenant_id,
    leads.lead_id as lead_id,
    leads.lead_status as lead_status,
    coalesce(sources.source_id, {{ none_member() }}) as source_id,
    coalesce(sources.source_name, {{ none_member() }}) as source_name,
    coalesce(sources.source_group, {{ none_member() }}) as source_group,
    coalesce(sources.source_type, {{ none_member() }}) as source_type,
    coalesce(managers.user_id, {{ none_member() }}) as manager_id,
    coalesce(managers.user_name, {{ none_member() }}) as manager_name,
    coalesce(managers.department_id, {{ none_member() }}) as department_id,
    coalesce(managers.department_name, {{ none_member() }}) as department_name,
    leads.company_id as company_id,
    leads.contact_id as contact_id,
    leads.is_duplicate as is_duplicate,
    leads.created_at as created_at,
    leads.created_day as created_day,
    leads.is_converted as is_converted,
    leads.conversion_moment as conversion_moment,
    leads.conversion_day as conversion_day,
    leads.is_won as is_won,
    coalesce(leads.conversion_moment < leads.created_at, false) as is_negative_lag,
    if(is_negative_lag, null, dateDiff('day', leads.created_day, leads.conversion_day)) as conversion_lag_days
from leads
left join {{ ref('dim_sources') }} as sources
    on leads.tenant_id = sources.tenant_id and leads.source_id = sources.source_id
left join {{ ref('dim_users') }} as managers
    on leads.tenant_id = managers.tenant_id and leads.owner_user_id = managers.user_id
