-- Grain: one row per report and slice (tenant, local day, manager; see macro slice_day) of which the report's rows may
-- have changed since it was last built.
with deal_slices as (
    select
        tenant_id,
        slices_before as slices
    from {{ ref('int_changed_deals') }}
    union all
    select
        deals.tenant_id as tenant_id,
        {{ slices_of_deal('deals') }} as slices
    from {{ ref('fct_deals') }} as deals
    where {{ only_changed('deals', ['deals.tenant_id', 'deals.deal_id']) }}
),

lead_slices as (
    select
        tenant_id,
        slices_before as slices
    from {{ ref('int_changed_leads') }}
    union all
    select
        leads.tenant_id as tenant_id,
        {{ slices_of_lead('leads') }} as slices
    from {{ ref('fct_leads') }} as leads
    where {{ only_changed('leads', ['leads.tenant_id', 'leads.lead_id']) }}
),

activity_slices as (
    select
        tenant_id,
        slices_before as slices
    from {{ ref('int_changed_activities') }}
    union all
    select
        activities.tenant_id as tenant_id,
        {{ slices_of_activity('activities') }} as slices
    from {{ ref('fct_activities') }} as activities
    where {{ only_changed('activities', ['activities.tenant_id', 'activities.activity_id']) }}
),

all_slices as (
    select * from deal_slices
    union all
    select * from lead_slices
    union all
    select * from activity_slices
),

record_slices as (
    select
        tenant_id,
        arrayJoin(slices) as slice
    from all_slices
),

-- What time alone changes: how long deals have been in a stage where a visit lasts.
lasting_visits as (
    select
        tenant_id,
        deal_id
    from {{ ref('int_deal_stages') }}
    where is_reached and lasting_visit_since is not null
),

built_conversion as (
    select
        tenant_id,
        day,
        manager_id,
        is_mature
    from {{ as_built('lead_conversion', 'tenant_id String, day Nullable(Date32), manager_id String, is_mature Bool') }}
),

changed as (
    select
        tupleElement(slice, 1) as report,
        tenant_id,
        tupleElement(slice, 2) as day,
        tupleElement(slice, 3) as manager_id
    from record_slices
    union all
    select
        'sales_funnel' as report,
        tenant_id,
        created_day as day,
        manager_id
    from {{ ref('fct_deals') }}
    where (tenant_id, deal_id) in (select lasting_visits.* from lasting_visits)
    union all
    -- Cohorts that became mature, or no longer are.
    select
        'lead_conversion' as report,
        conversion.tenant_id as tenant_id,
        {{ slice_day('conversion.day') }} as day,
        conversion.manager_id as manager_id
    from built_conversion as conversion
    inner join {{ ref('int_tenant_maturity') }} as maturity on conversion.tenant_id = maturity.tenant_id
    where conversion.is_mature != coalesce(conversion.day <= maturity.last_mature_day, false)
    union all
    {{ slices_of_other_zero_rows(
        'sales_by_month', zero_rows_of_sales_by_month(),
        columns='tenant_id String, day Nullable(Date32), department_id String, department_name String, manager_id String, '
        ~ 'manager_name String, manager_at_close_id String, manager_at_close_name String, pipeline_id String, '
        ~ 'pipeline_name String, is_future Bool, target_amount_base Decimal(18, 2), target_deals UInt64',
        figures='won_deals UInt64',
        made_of_zeros='won_deals = 0 or target_amount_base != 0 or target_deals != 0'
    ) }}
    union all
    {{ slices_of_other_zero_rows(
        'manager_activity', zero_rows_of_manager_activity(),
        columns='tenant_id String, day Nullable(Date32), department_id String, department_name String, manager_id String, '
        ~ 'manager_name String',
        figures='total UInt64, overdue_open_tasks UInt64',
        made_of_zeros='total = 0 and overdue_open_tasks = 0'
    ) }}
    union all
    {{ slices_of_other_zero_rows(
        'leads_by_source', zero_rows_of_leads_by_source(),
        columns='tenant_id String, day Nullable(Date32), source_id String, source_name String, source_group String, '
        ~ 'source_type String, department_id String, department_name String, manager_id String, manager_name String',
        figures='leads UInt64, duplicate_leads UInt64',
        made_of_zeros='leads = 0 and duplicate_leads = 0'
    ) }}
    union all
    {{ slices_of_other_zero_rows(
        'lead_conversion', zero_rows_of_lead_conversion(),
        columns='tenant_id String, day Nullable(Date32), source_id String, source_name String, source_group String, '
        ~ 'source_type String, department_id String, department_name String, manager_id String, manager_name String',
        figures='leads UInt64, period_converted_leads UInt64, direct_deals UInt64',
        made_of_zeros='leads = 0 and period_converted_leads = 0 and direct_deals = 0'
    ) }}
    union all
    {{ slices_of_other_zero_rows(
        'sales_funnel', zero_rows_of_sales_funnel(),
        columns='tenant_id String, mode String, day Nullable(Date32), pipeline_id String, pipeline_name String, '
        ~ 'stage_id String, stage_name String, stage_position Int32, outcome String, department_id String, '
        ~ 'department_name String, manager_id String, manager_name String',
        figures='deals UInt64',
        made_of_zeros='deals = 0'
    ) }}
)

select distinct
    report,
    tenant_id,
    day,
    manager_id
from changed
