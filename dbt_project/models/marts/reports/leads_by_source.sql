-- Grain: tenant, creation day, source, manager (current owner) with department. Marked duplicates are counted apart.
{{ config(materialized='changed_keys') }}
with zero_rows as (
    {{ zero_rows_of_leads_by_source() }}
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
    where {{ only_changed_slices() }}
    union all
    select * from zero_rows
    where {{ only_changed_slices() }}
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
