-- Grain: one row per lead that may have changed since some model of leads was last built, and one with empty ids
-- that tells how far the sources were read to find them: the only one where all of these models will be built whole.
-- `slices_before` is where the reports count the lead that they were built with: found here, before its fact is built.
-- Asked are all loaded versions, as a key too many does no harm and `final` costs more than the rest.
{% set news = what_changed('leads') %}
with members as (
    select
        dimension,
        tenant_id,
        member_id
    from {{ ref('int_member_changes') }}
    where number > {{ news.members }}
),

changed_sources as (
    select
        tenant_id,
        member_id
    from members
    where dimension = 'source'
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

changed_deals as (
    select
        tenant_id,
        deal_id
    from {{ ref('int_changed_deals') }}
    where is_new
),

built_deals as (
    select
        tenant_id,
        deal_id,
        lead_id
    from {{ as_built('fct_deals', 'tenant_id String, deal_id String, lead_id Nullable(String)') }}
),

built_leads as (
    select
        tenant_id,
        lead_id,
        manager_id,
        is_converted,
        created_day,
        conversion_day
    from {{ as_built('fct_leads', 'tenant_id String, lead_id String, manager_id String, is_converted Bool, '
        ~ 'created_day Date32, conversion_day Nullable(Date32)') }}
),

changed as (
    select
        tenant_id,
        lead_id
    from {{ ref('stg_crm__lead_versions') }}
    where {{ news.conditions.leads }}
    union all
    -- A deal converts the lead that it refers to now and no longer the one that it referred to.
    select
        tenant_id,
        assumeNotNull(lead_id) as lead_id
    from {{ ref('stg_crm__deal_versions') }}
    where
        lead_id is not null
        and {{ is_among(['tenant_id', 'deal_id'], ['tenant_id', 'deal_id'], 'changed_deals') }}
    union all
    select
        tenant_id,
        assumeNotNull(lead_id) as lead_id
    from built_deals
    where
        lead_id is not null
        and {{ is_among(['tenant_id', 'deal_id'], ['tenant_id', 'deal_id'], 'changed_deals') }}
    union all
    select
        tenant_id,
        lead_id
    from {{ ref('stg_crm__lead_versions') }}
    where
        {{ may_be_among(['tenant_id', 'source_id'], ['tenant_id', 'member_id'], 'changed_sources') }}
        or {{ may_be_among(['tenant_id', 'owner_user_id'], ['tenant_id', 'member_id'], 'changed_users') }}
        or tenant_id in (select changed_tenants.* from changed_tenants)
),

kept as (
    select
        tenant_id,
        lead_id,
        slices_before,
        is_new
    from {{ as_built(
        'int_changed_leads', 'tenant_id String, lead_id String, is_new Bool, slices_before ' ~ slices_type()
    ) }}
    where tenant_id != '' and {{ news.keeps }}
),

keys as (
    select
        tenant_id,
        lead_id,
        max(is_new) as is_new,
        groupArrayArray(slices_before) as slices_before
    from (
        select
            tenant_id,
            lead_id,
            cast([] as {{ slices_type() }}) as slices_before,
            true as is_new
        from changed
        union all
        select
            tenant_id,
            lead_id,
            if({{ news.is_still_new }}, slices_before, []) as slices_before,
            {{ news.is_still_new }} as is_new
        from kept
    )
    group by tenant_id, lead_id
)

select
    keys.tenant_id as tenant_id,
    keys.lead_id as lead_id,
    keys.is_new as is_new,
    cast(
        arrayDistinct(
            arrayConcat(
                keys.slices_before,
                if(not keys.is_new or leads.lead_id is null, [], {{ slices_of_lead('leads') }})
            )
        ) as {{ slices_type() }}
    ) as slices_before,
    {{ news.read_until }} as read_until
-- In this order, as the right side is held in memory.
from built_leads as leads
right join keys on leads.tenant_id = keys.tenant_id and leads.lead_id = keys.lead_id -- noqa: CV08
union all
select
    '' as tenant_id,
    '' as lead_id,
    false as is_new,
    cast([] as {{ slices_type() }}) as slices_before,
    {{ news.read_until }} as read_until
