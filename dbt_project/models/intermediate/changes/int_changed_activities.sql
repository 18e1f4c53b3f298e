-- Grain: one row per activity that may have changed since its fact was last built, and one with empty ids that tells
-- how far the sources were read to find them: the only one where the fact will be built whole.
{% set news = what_changed('activities') %}
with members as (
    select
        dimension,
        tenant_id,
        member_id
    from {{ ref('int_member_changes') }}
    where number > {{ news.members }}
),

changed_users as (
    select
        tenant_id,
        member_id
    from members
    where dimension = 'user'
),

changed_tenants as (
    select tenant_id
    from members
    where dimension = 'tenant'
),

built_activities as (
    select
        tenant_id,
        activity_id,
        activity_type,
        activity_status,
        due_at,
        is_overdue_task
    from {{ as_built(
        'fct_activities',
        "tenant_id String, activity_id String, activity_type String, activity_status String, "
        ~ "due_at DateTime64(6, 'UTC'), is_overdue_task Bool"
    ) }}
),

changed as (
    select
        tenant_id,
        activity_id
    from {{ ref('stg_crm__activity_versions') }}
    where {{ news.conditions.activities }}
    union all
    select
        tenant_id,
        activity_id
    from {{ ref('stg_crm__activities') }}
    where
        (tenant_id, assignee_user_id) in (select changed_users.* from changed_users)
        or tenant_id in (select changed_tenants.* from changed_tenants)
    union all
    -- What time alone changes: tasks that became overdue.
    select
        activities.tenant_id as tenant_id,
        activities.activity_id as activity_id
    from built_activities as activities
    inner join {{ ref('dim_tenants') }} as tenants on activities.tenant_id = tenants.tenant_id
    where
        activities.activity_status = 'open'
        and activities.activity_type = 'task'
        and activities.is_overdue_task != coalesce(activities.due_at < tenants.as_of, false)
    union all
    select
        tenant_id,
        activity_id
    from {{ as_built('int_changed_activities', 'tenant_id String, activity_id String') }}
    where {{ news.keeps }} and tenant_id != ''
)

select
    tenant_id,
    activity_id,
    {{ news.read_until }} as read_until
from changed
group by tenant_id, activity_id
union all
select
    '' as tenant_id,
    '' as activity_id,
    {{ news.read_until }} as read_until
