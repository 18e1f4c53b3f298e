-- Grain: tenant, creation day, source, manager (current owner) with department. Marked duplicates are counted apart.
with zero_rows as (
    select
        months.tenant_id as tenant_id,
        months.month as day,
        sources.source_id as source_id,
        sources.source_name as source_name,
        sources.source_group as source_group,
        sources.source_type as source_type,
        {{ none_member() }} as department_id,
        {{ none_member() }} as department_name,
        {{ none_member() }} as manager_id,
        {{ none_member() }} as manager_name,
        0 as leads,
        0 as duplicate_leads
    from {{ ref('int_tenant_months') }} as months
    inner join {{ ref('dim_sources') }} as sources on months.tenant_id = sources.tenant_id
    where sources.source_id != {{ none_member() }}
),

rows_of_report as (
    select
        tenant_id,
        day,
        source_id,
        source_name,
        source_group,
        source_type,
        department_id,
        department_name,
        manager_id,
        manager_name,
        leads,
        duplicate_leads
    from {{ ref('leads_by_source_records') }}
    union all
    select * from zero_rows
)

select
    tenant_id,
    cast(day as Nullable(Date32)) as day,
    cast({{ first_of_month('day') }} as Nullable(Date32)) as month,
    source_id,
    any(source_name) as source_name,
    any(source_group) as source_group,
    any(source_type) as source_type,
    department_id,
    any(department_name) as department_name,
    manager_id,
    any(manager_name) as manager_name,
    cast(sum(leads) as UInt64) as leads,
    cast(sum(duplicate_leads) as UInt64) as duplicate_leads
from rows_of_report
group by tenant_id, day, source_id, department_id, manager_id
