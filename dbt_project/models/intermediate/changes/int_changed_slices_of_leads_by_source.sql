-- Grain: one row per slice (tenant, local day, manager; see macro slice_day) of leads_by_source whose rows may have
-- changed since it was last built.
with changed as (
    {{ slices_of_changed_records('leads_by_source', 'leads') }}
    union all
    {{ slices_of_other_zero_rows(
        'leads_by_source', zero_rows_of_leads_by_source(),
        columns='tenant_id String, day Nullable(Date32), source_id String, source_name String, source_group String, '
        ~ 'source_type String, department_id String, department_name String, manager_id String, manager_name String',
        figures='leads UInt64, duplicate_leads UInt64',
        made_of_zeros='leads = 0 and duplicate_leads = 0'
    ) }}
)

select distinct
    tenant_id,
    day,
    manager_id
from changed
