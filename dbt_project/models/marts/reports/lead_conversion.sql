-- Grain: tenant, day, source, manager (current owner) with department. Three days meet in one row, each measure on
-- its own: cohort measures on the lead's creation day, period_converted_leads on the conversion day, direct_deals
-- on the deal's creation day.
with cohort as (
    select
        tenant_id,
        created_day as day,
        source_id,
        source_name,
        source_group,
        source_type,
        department_id,
        department_name,
        manager_id,
        manager_name,
        1 as leads,
        is_converted as converted_leads,
        coalesce(is_converted and conversion_lag_days <= 30, false) as converted_30d,
        coalesce(is_converted and conversion_lag_days <= 60, false) as converted_60d,
        coalesce(is_converted and conversion_lag_days <= 90, false) as converted_90d,
        is_won as won_leads,
        0 as period_converted_leads,
        is_negative_lag as negative_lag_leads,
        0 as direct_deals
    from {{ ref('fct_leads') }}
    where not is_duplicate
),

period as (
    select
        tenant_id,
        conversion_day as day,
        source_id,
        source_name,
        source_group,
        source_type,
        department_id,
        department_name,
        manager_id,
        manager_name,
        0 as leads,
        false as converted_leads,
        false as converted_30d,
        false as converted_60d,
        false as converted_90d,
        false as won_leads,
        1 as period_converted_leads,
        false as negative_lag_leads,
        0 as direct_deals
    from {{ ref('fct_leads') }}
    where not is_duplicate and is_converted
),

direct as (
    select
        tenant_id,
        created_day as day,
        {{ none_member() }} as source_id,
        {{ none_member() }} as source_name,
        {{ none_member() }} as source_group,
        {{ none_member() }} as source_type,
        department_id,
        department_name,
        manager_id,
        manager_name,
        0 as leads,
        false as converted_leads,
        false as converted_30d,
        false as converted_60d,
        false as converted_90d,
        false as won_leads,
        0 as period_converted_leads,
        false as negative_lag_leads,
        1 as direct_deals
    from {{ ref('fct_deals') }}
    where is_direct
),

zero_rows as (
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
        false as converted_leads,
        false as converted_30d,
        false as converted_60d,
        false as converted_90d,
        false as won_leads,
        0 as period_converted_leads,
        false as negative_lag_leads,
        0 as direct_deals
    from {{ ref('int_tenant_months') }} as months
    inner join {{ ref('dim_sources') }} as sources on months.tenant_id = sources.tenant_id
    where sources.source_id != {{ none_member() }}
),

rows_of_report as (
    select * from cohort
    union all
    select * from period
    union all
    select * from direct
    union all
    select * from zero_rows
)

select
    report.tenant_id as tenant_id,
    cast(report.day as Nullable(Date32)) as day,
    cast({{ first_of_month('report.day') }} as Nullable(Date32)) as month,
    report.source_id as source_id,
    any(report.source_name) as source_name,
    any(report.source_group) as source_group,
    any(report.source_type) as source_type,
    report.department_id as department_id,
    any(report.department_name) as department_name,
    report.manager_id as manager_id,
    any(report.manager_name) as manager_name,
    cast(
        coalesce(
            10 * dateDiff('day', report.day, any(tenants.as_of_day)) >= any(lags.p90_lag_days_times_ten), false
        ) as Bool
    ) as is_mature,
    cast(sum(report.leads) as UInt64) as leads,
    cast(sum(report.converted_leads) as UInt64) as converted_leads,
    cast(sum(report.converted_30d) as UInt64) as converted_30d,
    cast(sum(report.converted_60d) as UInt64) as converted_60d,
    cast(sum(report.converted_90d) as UInt64) as converted_90d,
    cast(sum(report.won_leads) as UInt64) as won_leads,
    cast(sum(report.period_converted_leads) as UInt64) as period_converted_leads,
    cast(sum(report.negative_lag_leads) as UInt64) as negative_lag_leads,
    cast(sum(report.direct_deals) as UInt64) as direct_deals
from rows_of_report as report
inner join {{ ref('dim_tenants') }} as tenants on report.tenant_id = tenants.tenant_id
left join {{ ref('int_tenant_conversion_lags') }} as lags on report.tenant_id = lags.tenant_id
group by report.tenant_id, report.day, report.source_id, report.department_id, report.manager_id
