-- Grain: tenant, day, source, manager (current owner) with department. Three days meet in one row, each measure on
-- its own: cohort measures on the lead's creation day, period_converted_leads on the conversion day, direct_deals
-- on the deal's creation day.
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
        coalesce(months.month <= maturity.last_mature_day, false) as is_mature,
        0 as leads,
        0 as converted_leads,
        0 as converted_30d,
        0 as converted_60d,
        0 as converted_90d,
        0 as won_leads,
        0 as period_converted_leads,
        0 as negative_lag_leads,
        0 as direct_deals
    from {{ ref('int_tenant_months') }} as months
    inner join {{ ref('dim_sources') }} as sources on months.tenant_id = sources.tenant_id
    inner join {{ ref('int_tenant_maturity') }} as maturity on months.tenant_id = maturity.tenant_id
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
