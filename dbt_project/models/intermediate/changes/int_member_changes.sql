-- Grain: one row per change of a member of a dimension (stage, pipeline, user, source, tenant, exchange rate) that
-- facts are made with. Members come from small tables that are often loaded whole, so a change is told by content.
-- A log, which a full refresh leaves alone: it would count every member, and so every key, as changed.
{{ config(materialized='incremental', incremental_strategy='append', full_refresh=false) }}
with members as (
    select
        'stage' as dimension,
        tenant_id,
        pipeline_id as parent_id,
        stage_id as member_id,
        cityHash64(tuple(stage_name, stage_position, outcome, is_live)) as content
    from {{ ref('stg_crm__stages') }}
    union all
    select
        'pipeline' as dimension,
        tenant_id,
        '' as parent_id,
        pipeline_id as member_id,
        cityHash64(tuple(pipeline_name)) as content
    from {{ ref('dim_pipelines') }}
    union all
    select
        'user' as dimension,
        tenant_id,
        '' as parent_id,
        user_id as member_id,
        cityHash64(tuple(user_name, department_id, department_name)) as content
    from {{ ref('dim_users') }}
    union all
    select
        'source' as dimension,
        tenant_id,
        '' as parent_id,
        source_id as member_id,
        cityHash64(tuple(source_name, source_group, source_type)) as content
    from {{ ref('dim_sources') }}
    union all
    select
        'tenant' as dimension,
        tenant_id,
        '' as parent_id,
        tenant_id as member_id,
        cityHash64(tuple(timezone, currency)) as content
    from {{ ref('stg_crm__tenants') }}
    union all
    select
        'exchange_rate' as dimension,
        tenant_id,
        currency as parent_id,
        toString(rate_on) as member_id,
        cityHash64(tuple(rate)) as content
    from {{ ref('stg_crm__exchange_rates') }}
),

built as (
    select
        dimension,
        tenant_id,
        parent_id,
        member_id,
        content,
        number
    from {{ as_built('int_member_changes', 'dimension String, tenant_id String, parent_id String, member_id String, '
        ~ 'content UInt64, number Int64') }}
),

recorded as (
    select
        dimension,
        tenant_id,
        parent_id,
        member_id,
        argMax(content, number) as content
    from built
    group by dimension, tenant_id, parent_id, member_id
),

versions as (
    select
        dimension,
        tenant_id,
        parent_id,
        member_id,
        content as content_now,
        0 as content_before
    from members
    union all
    select
        dimension,
        tenant_id,
        parent_id,
        member_id,
        0 as content_now,
        content as content_before
    from recorded
)

select
    dimension,
    tenant_id,
    parent_id,
    member_id,
    -- A member that is gone has no content; 0 stands for it.
    max(content_now) as content,
    -- Numbers only grow: models remember the last one that they have seen.
    greatest(
        toUnixTimestamp64Micro(now64(6)), coalesce((select max(built.number) + 1 from built), 0)
    ) as number
from versions
group by dimension, tenant_id, parent_id, member_id
having max(content_now) != max(content_before)
