-- Grain: one row per activity that may have changed since its fact was last built, and one with empty ids that tells how far
-- the sources were read to find them. Empty but for that one where the fact is about to be built whole.
{%- set news = what_changed('activities') %}
{%- set facts = built_relation('fct_activities') %}
-- depends_on: {{ ref('stg_crm__activity_versions') }}, {{ ref('stg_crm__activities') }}, {{ ref('dim_tenants') }}
with changed as (
    select
        '' as tenant_id,
        '' as activity_id
    {%- if not news.is_first %}
        {%- if news.conditions.activities %}
    union all
    select
        tenant_id,
        activity_id
    from {{ ref('stg_crm__activity_versions') }}
    where {{ news.conditions.activities }}
        {%- endif %}
        {%- for dimension, column in (('user', 'assignee_user_id'), ('tenant', 'tenant_id')) if dimension in news.dimensions %}
    union all
    select
        tenant_id,
        activity_id
    from {{ ref('stg_crm__activities') }}
    where (tenant_id, {{ column }}) in ({{ changed_members(news, dimension) }})
        {%- endfor %}
        {%- if facts %}
    union all
    -- What time alone changes: tasks that became overdue.
    select
        activities.tenant_id as tenant_id,
        activities.activity_id as activity_id
    from {{ facts }} as activities
    inner join {{ ref('dim_tenants') }} as tenants on activities.tenant_id = tenants.tenant_id
    where
        activities.activity_status = 'open'
        and activities.activity_type = 'task'
        and activities.is_overdue_task != coalesce(activities.due_at < tenants.as_of, false)
        {%- endif %}
    {%- endif %}
)

select
    tenant_id,
    activity_id,
    {{ news.read_until }} as read_until
from changed
group by tenant_id, activity_id
