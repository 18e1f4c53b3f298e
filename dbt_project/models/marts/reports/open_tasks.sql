-- Grain: one row per open activity as of the build, of whatever type, with its deal or lead.
with deals_with_tasks as (
    select
        tenant_id,
        deal_id
    from {{ ref('fct_activities') }}
    where activity_status = 'open' and deal_id is not null
),

deals as (
    {{ rows_among(ref('fct_deals'), 'deal_id', keys='deals_with_tasks') }}
),

customers as (
    {{ rows_among(ref('int_deal_customers'), 'deal_id', keys='deals_with_tasks') }}
)

select
    activities.tenant_id as tenant_id,
    activities.activity_id as activity_id,
    activities.activity_type as activity_type,
    activities.subject as subject,
    activities.department_id as department_id,
    activities.department_name as department_name,
    activities.manager_id as manager_id,
    activities.manager_name as manager_name,
    activities.deal_id as deal_id,
    deals.deal_title as deal_title,
    coalesce(deals.pipeline_name, {{ none_member() }}) as pipeline_name,
    coalesce(customers.customer_name, {{ none_member() }}) as customer_name,
    activities.lead_id as lead_id,
    activities.due_at as due_at,
    cast(activities.due_day as Nullable(Date32)) as due_day,
    multiIf(
        activities.due_day is null, {{ none_member() }},
        activities.due_day < tenants.as_of_day, 'before',
        activities.due_day = tenants.as_of_day, 'today',
        'later'
    ) as due,
    cast(activities.is_overdue_task as Bool) as is_overdue,
    cast(1 as UInt64) as open_tasks,
    cast(activities.is_overdue_task as UInt64) as overdue_tasks,
    cast(due = 'today' as UInt64) as due_today,
    cast(if(due = 'before', dateDiff('day', activities.due_day, tenants.as_of_day), 0) as UInt64) as days_late
from {{ ref('fct_activities') }} as activities
inner join {{ ref('dim_tenants') }} as tenants on activities.tenant_id = tenants.tenant_id
left join deals
    on activities.tenant_id = deals.tenant_id and activities.deal_id = deals.deal_id
left join customers
    on activities.tenant_id = customers.tenant_id and activities.deal_id = customers.deal_id
where activities.activity_status = 'open'
