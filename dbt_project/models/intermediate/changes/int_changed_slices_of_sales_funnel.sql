-- Grain: one row per slice (tenant, local day, manager; see macro slice_day) of sales_funnel whose rows may have
-- changed since it was last built.
with lasting_visits as (
    select
        tenant_id,
        deal_id
    from {{ ref('int_deal_stages') }}
    where is_reached and lasting_visit_since is not null
),

changed as (
    {{ slices_of_changed_records('sales_funnel', 'deals') }}
    union all
    -- What time alone changes: how long deals have been in a stage where a visit lasts.
    select
        tenant_id,
        created_day as day,
        manager_id
    from {{ ref('fct_deals') }}
    where {{ is_among(['tenant_id', 'deal_id'], ['tenant_id', 'deal_id'], 'lasting_visits') }}
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
    tenant_id,
    day,
    manager_id
from changed
