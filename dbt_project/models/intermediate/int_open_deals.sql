-- Grain: one row per open deal as of the run: how old it is, where it stands, who it is made with, and what is planned.
with open_deals as (
    select
        tenant_id,
        deal_id
    from {{ ref('fct_deals') }}
    where outcome = 'open'
),

touches as (
    select
        activities.tenant_id as tenant_id,
        activities.deal_id as deal_id,
        maxIf(activities.completed_day, activities.is_completed) as last_activity_day,
        minIf(
            activities.due_day, activities.activity_status = 'open' and activities.due_day >= tenants.as_of_day
        ) as next_activity_day,
        countIf(activities.is_overdue_task) as overdue_tasks
    from {{ ref('fct_activities') }} as activities
    inner join {{ ref('dim_tenants') }} as tenants on activities.tenant_id = tenants.tenant_id
    where {{ may_be_among(['activities.tenant_id', 'activities.deal_id'], ['tenant_id', 'deal_id'], 'open_deals') }}
    group by tenant_id, deal_id
),

customers as (
    {{ rows_among(ref('int_deal_customers'), 'deal_id', keys='open_deals') }}
)

select
    deals.tenant_id as tenant_id,
    deals.deal_id as deal_id,
    deals.deal_title as deal_title,
    deals.department_id as department_id,
    deals.department_name as department_name,
    deals.manager_id as manager_id,
    deals.manager_name as manager_name,
    deals.pipeline_id as pipeline_id,
    deals.pipeline_name as pipeline_name,
    deals.stage_id as stage_id,
    coalesce(stages.stage_name, {{ none_member() }}) as stage_name,
    stages.stage_position as stage_position,
    cast(round(stages.win_probability_percent / 100, 6) as Nullable(Decimal(9, 6))) as stage_probability,
    deals.source_group as source_group,
    customers.customer_kind as customer_kind,
    customers.customer_id as customer_id,
    customers.customer_name as customer_name,
    deals.created_day as created_day,
    greatest(dateDiff('day', deals.created_day, tenants.as_of_day), 0) as age_days,
    deals.expected_close_on as expected_close_on,
    coalesce(deals.expected_close_on < tenants.as_of_day, false) as is_past_expected_close,
    touches.last_activity_day as last_activity_day,
    touches.next_activity_day as next_activity_day,
    coalesce(touches.overdue_tasks, 0) as overdue_tasks,
    greatest(
        dateDiff(
            'day',
            greatest(deals.created_day, coalesce(touches.last_activity_day, deals.created_day)),
            tenants.as_of_day
        ),
        0
    ) as untouched_days,
    touches.next_activity_day is null and untouched_days >= {{ var('touch_after_days') }} as is_to_touch,
    deals.amount as amount,
    deals.amount_base as amount_base
from {{ ref('fct_deals') }} as deals
inner join {{ ref('dim_tenants') }} as tenants on deals.tenant_id = tenants.tenant_id
inner join customers
    on deals.tenant_id = customers.tenant_id and deals.deal_id = customers.deal_id
left join {{ ref('dim_stages') }} as stages
    on
        deals.tenant_id = stages.tenant_id
        and deals.pipeline_id = stages.pipeline_id
        and deals.stage_id = stages.stage_id
left join touches on deals.tenant_id = touches.tenant_id and deals.deal_id = touches.deal_id
where deals.outcome = 'open'
