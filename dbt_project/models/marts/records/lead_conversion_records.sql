-- Grain: one row per record and day, with what it adds to each figure of lead_conversion. A lead stands on its creation
-- day (cohort measures) and on its conversion day (period_converted_leads), in one row where they are the same day; a
-- deal without a lead stands on its creation day. Marked duplicates are left out.
with lead_days as (
    select
        *,
        arrayJoin(arrayDistinct(if(is_converted, [created_day, conversion_day], [created_day]))) as day
    from {{ ref('fct_leads') }}
    where not is_duplicate
),

leads as (
    select
        tenant_id,
        'lead' as record_type,
        lead_id as record_id,
        day,
        source_id,
        source_name,
        source_group,
        source_type,
        department_id,
        department_name,
        manager_id,
        manager_name,
        day = created_day as is_cohort_day,
        is_cohort_day as leads,
        is_cohort_day and is_converted as converted_leads,
        converted_leads and coalesce(conversion_lag_days <= 30, false) as converted_30d,
        converted_leads and coalesce(conversion_lag_days <= 60, false) as converted_60d,
        converted_leads and coalesce(conversion_lag_days <= 90, false) as converted_90d,
        is_cohort_day and is_won as won_leads,
        is_converted and day = conversion_day as period_converted_leads,
        is_cohort_day and is_negative_lag as negative_lag_leads,
        false as direct_deals
    from lead_days
),

direct_deals as (
    select
        tenant_id,
        'deal' as record_type,
        deal_id as record_id,
        created_day as day,
        {{ none_member() }} as source_id,
        {{ none_member() }} as source_name,
        {{ none_member() }} as source_group,
        {{ none_member() }} as source_type,
        department_id,
        department_name,
        manager_id,
        manager_name,
        false as is_cohort_day,
        false as leads,
        false as converted_leads,
        false as converted_30d,
        false as converted_60d,
        false as converted_90d,
        false as won_leads,
        false as period_converted_leads,
        false as negative_lag_leads,
        true as direct_deals
    from {{ ref('fct_deals') }}
    where is_direct
),

records as (
    select * from leads
    union all
    select * from direct_deals
)

select
    records.tenant_id as tenant_id,
    records.record_type as record_type,
    records.record_id as record_id,
    cast(records.day as Nullable(Date32)) as day,
    cast({{ first_of_month('records.day') }} as Nullable(Date32)) as month,
    records.source_id as source_id,
    records.source_name as source_name,
    records.source_group as source_group,
    records.source_type as source_type,
    records.department_id as department_id,
    records.department_name as department_name,
    records.manager_id as manager_id,
    records.manager_name as manager_name,
    cast(coalesce(records.day <= maturity.last_mature_day, false) as Bool) as is_mature,
    cast(records.leads as UInt8) as leads,
    cast(records.converted_leads as UInt8) as converted_leads,
    cast(records.converted_30d as UInt8) as converted_30d,
    cast(records.converted_60d as UInt8) as converted_60d,
    cast(records.converted_90d as UInt8) as converted_90d,
    cast(records.won_leads as UInt8) as won_leads,
    cast(coalesce(records.period_converted_leads, false) as UInt8) as period_converted_leads,
    cast(records.negative_lag_leads as UInt8) as negative_lag_leads,
    cast(records.direct_deals as UInt8) as direct_deals
from records
inner join {{ ref('int_tenant_maturity') }} as maturity on records.tenant_id = maturity.tenant_id
