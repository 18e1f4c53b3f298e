-- What models read, for {tenants} tenants with {deals} deals of four years, until {today}. Every value follows from a
-- number alone, so that each run measures the same rows.
create database analytics;

create table analytics.dim_tenants engine = MergeTree order by tenant_id as
select
    concat('tenant ', toString(number)) as tenant_id, tenant_id as tenant_name, 'USD' as currency, 'en' as locale,
    'UTC' as timezone, toDate32('{today}') as as_of_day, true as is_active
from numbers({tenants});

create table analytics.dim_business_days engine = MergeTree order by tenant_id as
select tenant_id, 'us' as country from analytics.dim_tenants;

create table analytics.fct_deals engine = MergeTree order by (tenant_id, deal_id) as
select
    concat('tenant ', toString(number % {tenants})) as tenant_id,
    toString(number) as deal_id,
    concat('department ', toString(intHash32(number) % 3)) as department_id, department_id as department_name,
    concat('manager ', toString(intHash32(number + 1) % 4)) as manager_id, manager_id as manager_name,
    concat('pipeline ', toString(intHash32(number + 2) % 2)) as pipeline_id,
    toNullable(toString(sipHash64(number, 1) % 6000)) as company_id, cast(null as Nullable(String)) as contact_id,
    toNullable(deal_id) as lead_id,
    toDate32('{today}') - toInt32(1 + pow(sipHash64(number, 2) % 10007 / 10007, 1.3) * 1460) as created_day,
    toDateTime64(created_day, 6, 'UTC') + sipHash64(number, 3) % 80000 as created_at,
    toNullable(toDecimal64(
        (200 + sipHash64(number, 4) % 3000) * (1 + 0.2 * sin(toMonth(created_day))), 2
    )) as amount_base
from numbers({deals});

create table analytics.fct_leads engine = MergeTree order by (tenant_id, lead_id) as
select
    tenant_id, deal_id as lead_id, 'web' as source_id, 'Web' as source_name, 'online' as source_type,
    department_id, department_name, manager_id, manager_name, created_at, created_day, false as is_duplicate,
    toUInt8(sipHash64(deal_id) % 3 = 0) as is_converted,
    if(is_converted, toNullable(created_at + interval 3 day), null) as conversion_moment,
    if(is_converted, toNullable(created_day + 3), null) as conversion_day
from analytics.fct_deals;

create table analytics.fct_deal_outcomes engine = MergeTree order by (tenant_id, deal_id, run) as
select tenant_id, deal_id, each.1 as run, each.2 as outcome, toNullable(each.3) as since_day
from (
    select
        tenant_id, deal_id,
        arrayJoin([
            (toUInt32(0), 'open', created_day),
            (
                toUInt32(1),
                if(sipHash64(deal_id, 5) % 100 < 40, 'won', 'lost'),
                created_day + toInt32(5 + sipHash64(deal_id, 6) % 60)
            )
        ]) as each
    from analytics.fct_deals
)
where since_day < toDate32('{today}');

create table analytics.fct_deal_stage_entries engine = MergeTree order by (tenant_id, deal_id, ordinal) as
select
    tenant_id, deal_id, run as ordinal, 'pipeline 0' as pipeline_id, outcome as stage_id, outcome,
    assumeNotNull(since_day) as entered_day, toDateTime64(entered_day, 6, 'UTC') as entered_at
from analytics.fct_deal_outcomes;

create table analytics.dim_stages engine = MergeTree order by (tenant_id, pipeline_id, stage_id) as
select distinct tenant_id, pipeline_id, stage_id, concat('stage ', stage_id) as stage_name
from analytics.fct_deal_stage_entries;

create table analytics.fct_activities engine = MergeTree order by tenant_id as
select
    tenant_id, concat(deal_id, '-', toString(each)) as activity_id, 'call' as activity_type,
    manager_id, manager_name, department_id, department_name, toNullable(deal_id) as deal_id, lead_id, company_id,
    toUInt8(1) as is_completed,
    toNullable(created_at + toIntervalDay(each)) as completed_at,
    toNullable(created_day + each) as completed_day
from analytics.fct_deals
array join range(3) as each;

create table analytics.fct_messages engine = MergeTree order by tenant_id as
select
    tenant_id, deal_id as message_id, toNullable(deal_id) as deal_id, lead_id, contact_id, 'in' as direction,
    created_at as sent_at, created_day as sent_day
from analytics.fct_deals
where sipHash64(deal_id, 7) % 2;

create table analytics.fct_deal_owner_changes engine = MergeTree order by (tenant_id, history_id) as
select
    tenant_id, deal_id as history_id, deal_id, cast(null as Nullable(String)) as from_owner_user_id,
    toNullable(manager_id) as owner_user_id, created_at as changed_at, created_day as changed_day
from analytics.fct_deals
