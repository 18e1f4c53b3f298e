-- table: tenants
select
    'salesforce' as tenant_id, 'Salesforce' as name, 'UTC' as timezone, 'USD' as currency, 'en' as locale,
        true as is_active,
    to_timestamp(946684800) as created_at, to_timestamp(946684800) as updated_at

-- table: departments
select 'salesforce' as tenant_id, unnest(array['Продажи', 'Sales']) as id, unnest(array['Продажи', 'Sales']) as name

-- table: users
select
    'salesforce' as tenant_id, sfid as id, name as full_name, department as department_id,
    case usertype when 'Standard' then 'manager' else 'other' end as role, isactive is true as is_active,
    createddate at time zone 'UTC' as created_at, systemmodstamp at time zone 'UTC' as updated_at
from salesforce.user

-- table: pipelines
select 'salesforce' as tenant_id, 'sales' as id, 'Sales' as name, 1 as position

-- table: stages
select
    'salesforce' as tenant_id, 'sales' as pipeline_id, apiname as id, masterlabel as name, sortorder as position,
    case apiname
        when 'Closed Won' then 'won' when 'Renewed' then 'won' when 'Closed Lost' then 'lost' else 'open'
    end as outcome,
    defaultprobability::text::numeric as probability, createddate at time zone 'UTC' as created_at,
    systemmodstamp at time zone 'UTC' as updated_at
from salesforce.opportunitystage
where isactive

-- table: lead_sources
select 'salesforce' as tenant_id, leadsource as id, leadsource as name
from salesforce.lead where length(leadsource) > 0 group by leadsource

-- table: companies
select
    'salesforce' as tenant_id, sfid as id, name, industry, billingcity as city, ownerid as owner_user_id,
    createddate at time zone 'UTC' as created_at, systemmodstamp at time zone 'UTC' as updated_at
from salesforce.account where not isdeleted

-- table: contacts
select
    'salesforce' as tenant_id, sfid as id, accountid as company_id, createddate at time zone 'UTC' as created_at,
    systemmodstamp at time zone 'UTC' as updated_at
from salesforce.contact where not isdeleted and sfid like '003%'

-- table: leads
select
    'salesforce' as tenant_id, sfid as id, leadsource as source_id,
        case when status is null then 'Open' else status end as status,
    ownerid as owner_user_id, convertedaccountid as company_id, convertedcontactid as contact_id, false as is_duplicate,
    createddate at time zone 'UTC' as created_at, systemmodstamp at time zone 'UTC' as updated_at
from salesforce.lead where not isdeleted and sfid like '00Q%'

-- table: deals
select
    'salesforce' as tenant_id, sfid as id, name as title, 'sales' as pipeline_id, stagename as stage_id,
        ownerid as owner_user_id,
    accountid as company_id, contactid as contact_id,
    (
        select l.sfid from salesforce.lead as l
        where l.convertedopportunityid = o.sfid and not l.isdeleted
        order by l.createddate limit 1
    ) as lead_id,
    round(amount::text::numeric, 2) as amount, 'USD' as currency, closedate as expected_close_on,
        closedate as closed_on,
    createddate at time zone 'UTC' as created_at,
    (
        select max(stamp) from (
            select o.systemmodstamp union all
            select l.systemmodstamp from salesforce.lead as l where l.convertedopportunityid = o.sfid
        ) as stamps (stamp)
    ) at time zone 'UTC' as updated_at
from salesforce.opportunity as o
where isdeleted is not true and sfid like '006%'

-- table: deal_stage_history
select
    'salesforce' as tenant_id, sfid as id, opportunityid as deal_id, 'sales' as pipeline_id, stagename as stage_id,
    createdbyid as user_id, createddate at time zone 'UTC' as changed_at,
        systemmodstamp at time zone 'UTC' as updated_at
from salesforce.opportunityhistory where not isdeleted

-- table: deal_owner_history
select
    'salesforce' as tenant_id, sfid as id, opportunityid as deal_id, oldvalue as from_owner_user_id,
        newvalue as owner_user_id,
    createddate at time zone 'UTC' as changed_at
from salesforce.opportunityfieldhistory
where not isdeleted and substr(newvalue, 1, 3) = '005'

-- table: activities
select
    'salesforce' as tenant_id, sfid as id,
    case
        when tasksubtype = 'Call' then 'call' when tasksubtype ~ 'Email' then 'email'
        when tasksubtype = 'Cadence' then 'other' else 'task'
    end as activity_type,
    case status when 'Completed' then 'completed' when 'Deferred' then 'deferred' else 'open' end as status,
    subject, ownerid as assignee_user_id, substring(whatid from '^006.*') as deal_id, substring(whoid
        from '^00Q.*') as lead_id,
    accountid as company_id, (activitydate + 1)::timestamp at time zone 'UTC' - interval '1 second' as due_at,
    completeddatetime at time zone 'UTC' as completed_at, (calldurationinseconds + 59) / 60 as duration_minutes,
    createddate at time zone 'UTC' as created_at, systemmodstamp at time zone 'UTC' as updated_at
from salesforce.task where not isdeleted and isrecurrence is not true and sfid like '00T%'
union all
select
    'salesforce', sfid, 'meeting', 'completed', subject, ownerid, substring(whatid from '^006.*'), substring(whoid
        from '^00Q.*'),
    accountid, null, coalesce(enddatetime, startdatetime) at time zone 'UTC', durationinminutes,
    createddate at time zone 'UTC', systemmodstamp at time zone 'UTC'
from salesforce.event where not isdeleted and isrecurrence is not true and ischild is not true
