-- Grain: one row per slice (tenant, local day, manager; see macro slice_day) of lead_conversion whose rows may have
-- changed since it was last built.
with built as (
    select
        tenant_id,
        day,
        manager_id,
        is_mature
    from {{ as_built('lead_conversion', 'tenant_id String, day Nullable(Date32), manager_id String, is_mature Bool') }}
),

changed as (
    {{ slices_of_changed_records('lead_conversion', 'leads') }}
    union all
    {{ slices_of_changed_records('lead_conversion', 'deals') }}
    union all
    -- Cohorts that became mature, or no longer are.
    select
        built.tenant_id as tenant_id,
        {{ slice_day('built.day') }} as day,
        built.manager_id as manager_id
    from built
    inner join {{ ref('int_tenant_maturity') }} as maturity on built.tenant_id = maturity.tenant_id
    where built.is_mature != coalesce(built.day <= maturity.last_mature_day, false)
    union all
    {{ slices_of_other_zero_rows(
        'lead_conversion', zero_rows_of_lead_conversion(),
        columns='tenant_id String, day Nullable(Date32), source_id String, source_name String, source_group String, '
        ~ 'source_type String, department_id String, department_name String, manager_id String, manager_name String',
        figures='leads UInt64, period_converted_leads UInt64, direct_deals UInt64',
        made_of_zeros='leads = 0 and period_converted_leads = 0 and direct_deals = 0'
    ) }}
)

select distinct
    tenant_id,
    day,
    manager_id
from changed
