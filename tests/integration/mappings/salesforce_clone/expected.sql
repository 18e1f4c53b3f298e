-- table: tenants
select
    id::text as tenant_id,
    name,
    case when timezone is null then 'UTC' else timezone end as timezone,
    'USD' as currency,
    case when locale ~* '^ru' then 'ru' else 'en' end as locale,
    is_active is not false as is_active,
    created_at,
    case when updated_at is null then created_at else updated_at end as updated_at
from tenants

-- table: departments
select tenant_id::text as tenant_id, department as id, department as name
from tenant_users, users
where users.id = user_id and length(department) > 0
group by 1, 2

-- table: users
select
    tenants.id::text as tenant_id,
    users.id::text as id,
    case
        when users.id in (id_of('u9')) then users.id::text
        when users.id in (id_of('u8')) then username
        else first_name || ' ' || last_name
    end as full_name,
    department as department_id,
    case
        when users.id = id_of('u5') then 'administrator'
        when (tenants.id, users.id) = (id_of('t2'), id_of('u2')) then 'administrator'
        when chosen.role ilike 'director' then 'director'
        when chosen.role = 'viewer' then 'other'
        else 'manager'
    end as role,
    users.id <> id_of('u6') and chosen.is_active is not false as is_active,
    coalesce(chosen.joined_at, users.created_at at time zone 'UTC') as created_at,
    users.updated_at at time zone 'UTC' as updated_at
from tenants
cross join users
cross join lateral (
    select * from tenant_users
    where tenant_id = tenants.id and user_id = users.id
    order by is_active is false, joined_at
    limit 1
) as chosen

-- table: pipelines
select id::text as tenant_id, 'sales' as id, 'Sales' as name, 1 as position from tenants

-- table: stages
select tenants.id::text as tenant_id, 'sales' as pipeline_id, stage.*
from tenants, (
    select 'PROSPECTING' as id, 'Prospecting' as name, 1 as position, 'open' as outcome, 10::numeric as probability
    union all select 'QUALIFICATION', 'Qualification', 2, 'open', 25
    union all select 'PROPOSAL', 'Proposal', 3, 'open', 50
    union all select 'NEGOTIATION', 'Negotiation', 4, 'open', 75
    union all select 'CLOSED_WON', 'Closed won', 5, 'won', 100
    union all select 'CLOSED_LOST', 'Closed lost', 6, 'lost', 0
) as stage

-- table: lead_sources
select tenant_id::text as tenant_id, source as id, source as name
from contacts
where source is not null and source != '' and contact_type not in ('PARTNER', 'VENDOR', 'EMPLOYEE')
group by 1, 2

-- table: companies
select
    tenant_id::text as tenant_id, id::text as id, name, industry, city, owner_id::text as owner_user_id,
    created_at at time zone 'UTC' as created_at, updated_at at time zone 'UTC' as updated_at
from companies
where is_active

-- table: contacts
select
    tenant_id::text as tenant_id, id::text as id, company_id::text as company_id,
    created_at at time zone 'UTC' as created_at, updated_at at time zone 'UTC' as updated_at
from contacts
where is_active is not false

-- table: leads
select
    tenant_id::text as tenant_id, id::text as id, source as source_id, contact_type as status,
    owner_id::text as owner_user_id, company_id::text as company_id, id::text as contact_id, false as is_duplicate,
    created_at at time zone 'UTC' as created_at, updated_at at time zone 'UTC' as updated_at
from contacts
where is_active is not false and (contact_type = 'LEAD' or contact_type = 'CUSTOMER')

-- table: deals
select
    tenant_id::text as tenant_id, id::text as id, name as title, 'sales' as pipeline_id,
    case when stage is null then 'PROSPECTING' else stage end as stage_id, owner_id::text as owner_user_id,
    company_id::text as company_id, contact_id::text as contact_id, contact_id::text as lead_id, amount,
    'USD' as currency, close_date as expected_close_on, actual_close_date as closed_on,
    created_at at time zone 'UTC' as created_at, updated_at at time zone 'UTC' as updated_at
from opportunities
where is_active is not false

-- table: activities
select
    (select tenant_id::text from opportunities as o where o.id = opportunity_id) as tenant_id,
    id::text as id,
    replace(activity_type, 'note', 'other') as activity_type,
    case status when 'completed' then 'completed' when 'cancelled' then 'cancelled' else 'open' end as status,
    subject, owner_id::text as assignee_user_id, opportunity_id::text as deal_id, scheduled_date as due_at,
    completed_date as completed_at, duration as duration_minutes, created_at, updated_at
from opportunity_activities
