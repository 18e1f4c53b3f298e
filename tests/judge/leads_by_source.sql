-- Judge of report 3, leads by source: recomputed from the CRM's own tables, never from the replicas or the models.
-- Returns every row of the mart for all tenants, without source_group (an analysts' seed); one per key.
-- Quotes are from the metric rules. Parameter: as_of (timestamptz), the moment that "now" means.
with
-- "As-of day: that moment as a tenant-local date."
tenant as (
    select
        id as tenant_id,
        timezone,
        (%(as_of)s::timestamptz at time zone timezone)::date as as_of_day
    from tenants
),

-- "The tenant's first day is the earliest local creation day of a live lead, deal or activity."
first_born as (
    select tenant_id, min(created_at) as created_at from leads
    where deleted_at is null
    group by tenant_id
    union all
    select tenant_id, min(created_at) from deals
    where deleted_at is null
    group by tenant_id
    union all
    select tenant_id, min(created_at) from activities
    where deleted_at is null
    group by tenant_id
),

tenant_first_day as (
    select
        tenant.tenant_id,
        (min(first_born.created_at) at time zone tenant.timezone)::date as first_day
    from tenant
    inner join first_born on tenant.tenant_id = first_born.tenant_id
    group by tenant.tenant_id, tenant.timezone
),

-- "No owner, or an owner who is not among the tenant's live users: manager (none)."
-- "Department: the manager's current one. No department, or one that is not among the live departments: (none)."
live_user as (
    select
        users.tenant_id,
        users.id as user_id,
        users.full_name,
        departments.id as department_id,
        departments.name as department_name
    from users
    left join departments
        on
            departments.tenant_id = users.tenant_id
            and departments.id = users.department_id
            and departments.deleted_at is null
    where users.deleted_at is null
),

-- "A lead without a source, or with one that is not among the live sources of the tenant: source (none), type (none)."
live_source as (
    select tenant_id, id as source_id, name as source_name, source_type from lead_sources
    where deleted_at is null
),

-- "Leads created in the range." "Leads marked as duplicates are counted in duplicate_leads and in nothing else."
live_lead as (
    select
        leads.tenant_id,
        (leads.created_at at time zone tenant.timezone)::date as day,
        leads.source_id,
        leads.owner_user_id,
        (not leads.is_duplicate)::integer as leads,
        leads.is_duplicate::integer as duplicate_leads
    from leads
    inner join tenant on tenant.tenant_id = leads.tenant_id
    where leads.deleted_at is null
),

-- "Zero rows: every live source x month, on the first day of the month, from the month of the tenant's first day to the
-- as-of month. Where a dimension is not part of the list, it is (none)."
zero_row as (
    select
        tenant.tenant_id,
        month.first_day::date as day,
        live_source.source_id,
        null::bigint as owner_user_id,
        0 as leads,
        0 as duplicate_leads
    from tenant
    inner join tenant_first_day on tenant_first_day.tenant_id = tenant.tenant_id
    inner join live_source on live_source.tenant_id = tenant.tenant_id
    cross join lateral generate_series(
        date_trunc('month', tenant_first_day.first_day::timestamp), tenant.as_of_day::timestamp, interval '1 month'
    ) as month (first_day)
),

report_row as (
    select * from live_lead
    union all
    select * from zero_row
),

-- "A source without a type has type (none)."
named_row as (
    select
        report_row.tenant_id,
        report_row.day,
        date_trunc('month', report_row.day::timestamp)::date as month,
        coalesce(live_source.source_id::text, '(none)') as source_id,
        coalesce(live_source.source_name, '(none)') as source_name,
        coalesce(live_source.source_type, '(none)') as source_type,
        coalesce(live_user.department_id::text, '(none)') as department_id,
        coalesce(live_user.department_name, '(none)') as department_name,
        coalesce(live_user.user_id::text, '(none)') as manager_id,
        coalesce(live_user.full_name, '(none)') as manager_name,
        report_row.leads,
        report_row.duplicate_leads
    from report_row
    left join live_source
        on live_source.tenant_id = report_row.tenant_id and live_source.source_id = report_row.source_id
    left join live_user
        on live_user.tenant_id = report_row.tenant_id and live_user.user_id = report_row.owner_user_id
)

select
    tenant_id,
    day,
    month,
    source_id,
    source_name,
    source_type,
    department_id,
    department_name,
    manager_id,
    manager_name,
    sum(leads) as leads,
    sum(duplicate_leads) as duplicate_leads
from named_row
group by
    tenant_id,
    day,
    month,
    source_id,
    source_name,
    source_type,
    department_id,
    department_name,
    manager_id,
    manager_name
