-- table: tenants
select
    case subdomain
        when 'apple' then '3ixj3i1a5avy16ptijtb3lae3'
        when 'ycombinator' then '1wgvd1injqtife6y4rvfbu3h5'
        else 'gone'
    end as tenant_id,
        case "displayName" when '' then subdomain else "displayName" end as name,
    'UTC' as timezone, 'USD' as currency, 'en' as locale, subdomain = 'apple' as is_active, "createdAt" as created_at,
    "updatedAt" as updated_at
from core.workspace
where subdomain in ('apple', 'ycombinator')

-- table: users
with members as (
    select '3ixj3i1a5avy16ptijtb3lae3' as tenant_id, * from workspace_3ixj3i1a5avy16ptijtb3lae3."workspaceMember"
    union all select '1wgvd1injqtife6y4rvfbu3h5', * from workspace_1wgvd1injqtife6y4rvfbu3h5."workspaceMember"
)
select
    tenant_id, id::text as id,
    case id when id_of('m2') then 'Анна' when id_of('m3') then id::text else 'Анна ' || "nameLastName" end as full_name,
    'manager' as role, "deletedAt" is null as is_active, "deletedAt" as deactivated_at, "createdAt" as created_at,
    "updatedAt" as updated_at
from members

-- table: pipelines
select case subdomain
        when 'apple' then '3ixj3i1a5avy16ptijtb3lae3'
        when 'ycombinator' then '1wgvd1injqtife6y4rvfbu3h5'
        else 'gone'
    end as tenant_id, 'opportunities' as id, 'Opportunities' as name,
    1 as position
from core.workspace
where subdomain <> 'unborn'

-- table: stages
select
    case subdomain
        when 'apple' then '3ixj3i1a5avy16ptijtb3lae3'
        when 'ycombinator' then '1wgvd1injqtife6y4rvfbu3h5'
        else 'gone'
    end as tenant_id, 'opportunities' as pipeline_id, upper(name) as id, name,
        position,
    case name when 'Customer' then 'won' when 'Lost' then 'lost' else 'open' end as outcome
from core.workspace
cross join unnest(array['New', 'Screening', 'Meeting', 'Proposal', 'Customer', 'Lost'])
    with ordinality as stage (name, position)
where subdomain <> 'unborn'

-- table: companies
with companies as (
    select '3ixj3i1a5avy16ptijtb3lae3' as tenant_id, * from workspace_3ixj3i1a5avy16ptijtb3lae3.company
    union all select '1wgvd1injqtife6y4rvfbu3h5', * from workspace_1wgvd1injqtife6y4rvfbu3h5.company
)
select
    tenant_id, id::text as id, concat(name) as name, "addressAddressCity" as city,
        "accountOwnerId"::text as owner_user_id,
    "createdAt" as created_at, "updatedAt" as updated_at
from companies where "deletedAt" is null

-- table: contacts
with people as (
    select '3ixj3i1a5avy16ptijtb3lae3' as tenant_id, * from workspace_3ixj3i1a5avy16ptijtb3lae3.person
    union all select '1wgvd1injqtife6y4rvfbu3h5', * from workspace_1wgvd1injqtife6y4rvfbu3h5.person
)
select tenant_id, id::text as id, "companyId"::text as company_id, "createdAt" as created_at, "updatedAt" as updated_at
from people where "deletedAt" is null

-- table: deals
with deals as (
    select '3ixj3i1a5avy16ptijtb3lae3' as tenant_id, d.stage::text as stage_id, d.id, d.name, d."companyId",
        d."pointOfContactId", d."amountAmountMicros",
        d."amountCurrencyCode", d."closeDate", d."createdByWorkspaceMemberId", d."createdAt", d."updatedAt",
            d."deletedAt",
        c."accountOwnerId", c."updatedAt" as company_stamp
    from workspace_3ixj3i1a5avy16ptijtb3lae3.opportunity as d
    left join workspace_3ixj3i1a5avy16ptijtb3lae3.company as c on c.id = d."companyId"
    union all
    select '1wgvd1injqtife6y4rvfbu3h5', d.stage::text, d.id, d.name, d."companyId", d."pointOfContactId",
        d."amountAmountMicros",
        d."amountCurrencyCode", d."closeDate", d."createdByWorkspaceMemberId", d."createdAt", d."updatedAt",
            d."deletedAt",
        c."accountOwnerId", c."updatedAt"
    from workspace_1wgvd1injqtife6y4rvfbu3h5.opportunity as d
    left join workspace_1wgvd1injqtife6y4rvfbu3h5.company as c on c.id = d."companyId"
)
select
    tenant_id, id::text as id, name as title, 'opportunities' as pipeline_id, stage_id,
    coalesce("accountOwnerId", "createdByWorkspaceMemberId")::text as owner_user_id, "companyId"::text as company_id,
    "pointOfContactId"::text as contact_id, "amountAmountMicros" / 1000000 as amount,
    case when length("amountCurrencyCode") = 3 then "amountCurrencyCode" else 'USD' end as currency,
    ("closeDate" at time zone 'UTC')::date as expected_close_on, "createdAt" as created_at,
    case when company_stamp > "updatedAt" then company_stamp else "updatedAt" end as updated_at
from deals where "deletedAt" is null

-- table: deal_stage_history
with timeline as (
    select '3ixj3i1a5avy16ptijtb3lae3' as tenant_id, * from workspace_3ixj3i1a5avy16ptijtb3lae3."timelineActivity"
    union all select '1wgvd1injqtife6y4rvfbu3h5', * from workspace_1wgvd1injqtife6y4rvfbu3h5."timelineActivity"
)
select
    tenant_id, id::text as id, "targetOpportunityId"::text as deal_id, 'opportunities' as pipeline_id,
    properties -> 'diff' -> 'stage' ->> 'before' as from_stage_id,
        properties -> 'diff' -> 'stage' ->> 'after' as stage_id,
    "workspaceMemberId"::text as user_id, "happensAt" as changed_at, "updatedAt" as updated_at
from timeline
where "deletedAt" is null and name like 'opportunity%' and "targetOpportunityId" is not null
    and properties -> 'diff' ? 'stage'

-- table: activities
with tasks as (
    select '3ixj3i1a5avy16ptijtb3lae3' as tenant_id, t.status::text as state, t.id, t.title, t."assigneeId", t."dueAt",
        t."createdAt", t."updatedAt",
        t."deletedAt",
        (
            select row(l."opportunityId"::text, l."companyId"::text)::text
            from workspace_3ixj3i1a5avy16ptijtb3lae3."taskTarget" as l
            where l."taskId" = t.id and l."deletedAt" is null
            order by (l."opportunityId" is not null) desc, l."createdAt" limit 1
        ) as link
    from workspace_3ixj3i1a5avy16ptijtb3lae3.task as t
    union all
    select '1wgvd1injqtife6y4rvfbu3h5', t.status::text, t.id, t.title, t."assigneeId", t."dueAt", t."createdAt",
        t."updatedAt",
        t."deletedAt",
        (
            select row(l."opportunityId"::text, l."companyId"::text)::text
            from workspace_1wgvd1injqtife6y4rvfbu3h5."taskTarget" as l
            where l."taskId" = t.id and l."deletedAt" is null
            order by (l."opportunityId" is not null) desc, l."createdAt" limit 1
        )
    from workspace_1wgvd1injqtife6y4rvfbu3h5.task as t
),
events as (
    select '3ixj3i1a5avy16ptijtb3lae3' as tenant_id, e.*,
        (
            select p."workspaceMemberId"::text from workspace_3ixj3i1a5avy16ptijtb3lae3."calendarEventParticipant" as p
            where p."calendarEventId" = e.id and p."workspaceMemberId" is not null and p."deletedAt" is null
            order by p."isOrganizer"::integer desc, p."createdAt" limit 1
        ) as host
    from workspace_3ixj3i1a5avy16ptijtb3lae3."calendarEvent" as e
    union all
    select '1wgvd1injqtife6y4rvfbu3h5', e.*,
        (
            select p."workspaceMemberId"::text from workspace_1wgvd1injqtife6y4rvfbu3h5."calendarEventParticipant" as p
            where p."calendarEventId" = e.id and p."workspaceMemberId" is not null and p."deletedAt" is null
            order by p."isOrganizer"::integer desc, p."createdAt" limit 1
        )
    from workspace_1wgvd1injqtife6y4rvfbu3h5."calendarEvent" as e
)
select
    tenant_id, 'task-' || id as id, 'task' as activity_type,
    case state when 'DONE' then 'completed' else 'open' end as status, title as subject,
        "assigneeId"::text as assignee_user_id,
    nullif(split_part(trim(link, '()'), ',', 1), '') as deal_id,
    nullif(split_part(trim(link, '()'), ',', 2), '') as company_id,
    "dueAt" as due_at, null::timestamptz as completed_at, null::integer as duration_minutes, "createdAt" as created_at,
    "updatedAt" as updated_at
from tasks where "deletedAt" is null
union all
select
    tenant_id, 'event-' || id, 'meeting', case when "isCanceled" then 'cancelled' else 'completed' end, title, host,
        null, null, null,
    "endsAt", case when "endsAt" is not null then 45 end, "createdAt", "updatedAt"
from events where "deletedAt" is null
