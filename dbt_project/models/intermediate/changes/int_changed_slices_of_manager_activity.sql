-- Grain: one row per slice (tenant, local day, manager; see macro slice_day) of manager_activity whose rows may have
-- changed since it was last built.
with changed as (
    {{ slices_of_changed_records('manager_activity', 'activities') }}
    union all
    {{ slices_of_other_zero_rows(
        'manager_activity', zero_rows_of_manager_activity(),
        columns='tenant_id String, day Nullable(Date32), department_id String, department_name String, manager_id String, '
        ~ 'manager_name String',
        figures='total UInt64, overdue_open_tasks UInt64',
        made_of_zeros='total = 0 and overdue_open_tasks = 0'
    ) }}
)

select distinct
    tenant_id,
    day,
    manager_id
from changed
