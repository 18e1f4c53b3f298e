-- Grain: one row per activity that may have changed since its fact was last built, and one with empty ids that tells
-- how far the sources were read to find them: the only one where the fact will be built whole. `slices_before` is where
-- the reports count the activity that they were built with: found here, before its fact is built.
-- Asked are all loaded versions, as a key too many does no harm and `final` costs more than the rest.
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
        due_day,
        is_completed,
        completed_day,
        manager_id,
        is_overdue_task
    from {{ as_built(
        'fct_activities',
        "tenant_id String, activity_id String, activity_type String, activity_status String, "
        ~ "due_at DateTime64(6, 'UTC'), due_day Nullable(Date32), is_completed Bool, completed_day Nullable(Date32), "
        ~ "manager_id String, is_overdue_task Bool"
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
    from {{ ref('stg_crm__activity_versions') }}
    where
        {{ may_be_among(['tenant_id', 'assignee_user_id'], ['tenant_id', 'member_id'], 'changed_users') }}
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
),

kept as (
    select
        tenant_id,
        activity_id,
        slices_before,
        is_new
    from {{ as_built(
        'int_changed_activities', 'tenant_id String, activity_id String, is_new Bool, slices_before ' ~ slices_type()
    ) }}
    where tenant_id != '' and {{ news.keeps }}
),

keys as (
    select
        tenant_id,
        activity_id,
        max(is_new) as is_new,
        groupArrayArray(slices_before) as slices_before
    from (
        select
            tenant_id,
            activity_id,
            cast([] as {{ slices_type() }}) as slices_before,
            true as is_new
        from changed
        union all
        select
            tenant_id,
            activity_id,
            if({{ news.is_still_new }}, slices_before, []) as slices_before,
            {{ news.is_still_new }} as is_new
        from kept
    )
    group by tenant_id, activity_id
)

select
    keys.tenant_id as tenant_id,
    keys.activity_id as activity_id,
    keys.is_new as is_new,
    cast(
        arrayDistinct(
            arrayConcat(
                keys.slices_before,
                if(not keys.is_new or activities.activity_id is null, [], {{ slices_of_activity('activities') }})
            )
        ) as {{ slices_type() }}
    ) as slices_before,
    {{ news.read_until }} as read_until
-- In this order, as the right side is held in memory.
from built_activities as activities
right join keys on activities.tenant_id = keys.tenant_id and activities.activity_id = keys.activity_id -- noqa: CV08
union all
select
    '' as tenant_id,
    '' as activity_id,
    false as is_new,
    cast([] as {{ slices_type() }}) as slices_before,
    {{ news.read_until }} as read_until
