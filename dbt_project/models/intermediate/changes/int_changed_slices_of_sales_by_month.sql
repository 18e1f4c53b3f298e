-- Grain: one row per slice (tenant, local day, manager; see macro slice_day) of sales_by_month whose rows may have
-- changed since it was last built.
with changed as (
    {{ slices_of_changed_records('sales_by_month', 'deals') }}
    union all
    {{ slices_of_other_zero_rows(
        'sales_by_month', zero_rows_of_sales_by_month(),
        columns='tenant_id String, day Nullable(Date32), department_id String, department_name String, manager_id String, '
        ~ 'manager_name String, manager_at_close_id String, manager_at_close_name String, pipeline_id String, '
        ~ 'pipeline_name String, is_future Bool, target_amount_base Decimal(18, 2), target_deals UInt64',
        figures='won_deals UInt64',
        made_of_zeros='won_deals = 0 or target_amount_base != 0 or target_deals != 0'
    ) }}
)

select distinct
    tenant_id,
    day,
    manager_id
from changed
