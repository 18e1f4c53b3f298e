-- Grain: tenant, day, source, manager (current owner) with department. Three days meet in one row, each measure on
-- its own: cohort measures on the lead's creation day, period_converted_leads on the conversion day, direct_deals
-- on the deal's creation day.
{{ config(materialized='changed_keys') }}
with zero_rows as (
    {{ zero_rows_of_lead_conversion() }}
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
        is_mature,
        leads,
        converted_leads,
        converted_30d,
        converted_60d,
        converted_90d,
        won_leads,
        period_converted_leads,
        negative_lag_leads,
        direct_deals
    from {{ ref('lead_conversion_records') }}
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
    cast(any(is_mature) as Bool) as is_mature,
    cast(sum(leads) as UInt64) as leads,
    cast(sum(converted_leads) as UInt64) as converted_leads,
    cast(sum(converted_30d) as UInt64) as converted_30d,
    cast(sum(converted_60d) as UInt64) as converted_60d,
    cast(sum(converted_90d) as UInt64) as converted_90d,
    cast(sum(won_leads) as UInt64) as won_leads,
    cast(sum(period_converted_leads) as UInt64) as period_converted_leads,
    cast(sum(negative_lag_leads) as UInt64) as negative_lag_leads,
    cast(sum(direct_deals) as UInt64) as direct_deals
from rows_of_report
group by tenant_id, day, source_id, department_id, manager_id
