-- Grain: one row per deal that may have changed since some model of deals was last built, and one with empty ids
-- that tells how far the sources were read to find them: the only one where all of these models will be built whole.
-- `slices_before` is where the reports count the deal that they were built with: found here, before its fact is built.
-- Asked are all loaded versions, as a key too many does no harm and `final` costs more than the rest.
{% set news = what_changed('deals') %}
with new_stage_history as (
    select
        tenant_id,
        history_id,
        deal_id
    from {{ ref('stg_crm__deal_stage_history_versions') }}
    where {{ news.conditions.deal_stage_history }}
),

rows_of_stage_history as (
    select
        tenant_id,
        history_id
    from new_stage_history
),

new_owner_history as (
    select
        tenant_id,
        history_id,
        deal_id
    from {{ ref('stg_crm__deal_owner_history_versions') }}
    where {{ news.conditions.deal_owner_history }}
),

rows_of_owner_history as (
    select
        tenant_id,
        history_id
    from new_owner_history
),

new_leads as (
    select
        tenant_id,
        lead_id
    from {{ ref('stg_crm__lead_versions') }}
    where {{ news.conditions.leads }}
),

members as (
    select
        dimension,
        tenant_id,
        parent_id,
        member_id
    from {{ ref('int_member_changes') }}
    where number > {{ news.members }}
),

changed_pipelines as (
    select
        tenant_id,
        if(dimension = 'stage', parent_id, member_id) as pipeline_id
    from members
    where dimension in ('stage', 'pipeline')
),

changed_sources as (
    select
        tenant_id,
        member_id
    from members
    where dimension = 'source'
),

leads_of_changed_sources as (
    select
        tenant_id,
        lead_id
    from {{ ref('stg_crm__lead_versions') }}
    where {{ may_be_among(['tenant_id', 'source_id'], ['tenant_id', 'member_id'], 'changed_sources') }}
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

-- The days on which a changed rate may count.
rate_days as (
    select
        rates.tenant_id as tenant_id,
        rates.parent_id as currency,
        addDays(toDate32(rates.member_id), ages.number) as day
    from members as rates
    cross join numbers({{ var('exchange_rate_max_age_days') }} + 1) as ages
    where rates.dimension = 'exchange_rate'
),

built_deals as (
    select
        tenant_id,
        deal_id,
        lead_id,
        currency,
        outcome,
        manager_id,
        is_direct,
        created_day,
        closed_day,
        exchange_rate,
        is_future
    from {{ as_built('fct_deals', 'tenant_id String, deal_id String, lead_id String, currency String, '
        ~ 'outcome String, manager_id String, is_direct Bool, created_day Date32, '
        ~ 'closed_day Nullable(Date32), exchange_rate Nullable(Decimal(18, 8)), is_future Bool') }}
),

rates_now as (
    select
        rates.tenant_id as tenant_id,
        rates.currency as currency,
        {{ exchange_rate(
            'rates.currency', 'any(tenants.currency)', 'any(tenants.as_of_day)', 'max(rates.rate_on)',
            'argMax(rates.rate, rates.rate_on)'
        ) }} as exchange_rate
    from {{ ref('stg_crm__exchange_rates') }} as rates
    inner join {{ ref('dim_tenants') }} as tenants on rates.tenant_id = tenants.tenant_id
    where rates.rate_on <= tenants.as_of_day
    group by tenant_id, currency
),

built_entries as (
    select
        tenant_id,
        deal_id,
        history_id,
        pipeline_id
    from {{ as_built(
        'int_deal_stage_entries',
        'tenant_id String, deal_id String, history_id String, pipeline_id String'
    ) }}
),

built_owners as (
    select
        tenant_id,
        deal_id,
        arrayJoin(history_ids) as history_id
    from {{ as_built('int_deal_owners_at_close', 'tenant_id String, deal_id String, history_ids Array(String)') }}
),

changed as (
    select
        tenant_id,
        deal_id
    from {{ ref('stg_crm__deal_versions') }}
    where {{ news.conditions.deals }}
    union all
    select
        tenant_id,
        deal_id
    from new_stage_history
    union all
    select
        tenant_id,
        deal_id
    from new_owner_history
    union all
    -- A row of the history that moved to another deal leaves the old one as well.
    select
        tenant_id,
        deal_id
    from built_entries
    where {{ may_be_among(['tenant_id', 'history_id'], ['tenant_id', 'history_id'], 'rows_of_stage_history') }}
    union all
    select
        tenant_id,
        deal_id
    from built_owners
    where {{ may_be_among(['tenant_id', 'history_id'], ['tenant_id', 'history_id'], 'rows_of_owner_history') }}
    union all
    -- Whether a deal is a direct one depends on its lead, and so does its source.
    select
        tenant_id,
        deal_id
    from built_deals
    where
        {{ may_be_among(['tenant_id', 'lead_id'], ['tenant_id', 'lead_id'], 'new_leads') }}
        or {{ may_be_among(['tenant_id', 'lead_id'], ['tenant_id', 'lead_id'], 'leads_of_changed_sources') }}
    union all
    select
        tenant_id,
        deal_id
    from {{ ref('stg_crm__deal_versions') }}
    where
        {{ may_be_among(['tenant_id', 'pipeline_id'], ['tenant_id', 'pipeline_id'], 'changed_pipelines') }}
        or {{ may_be_among(['tenant_id', 'owner_user_id'], ['tenant_id', 'member_id'], 'changed_users') }}
        or tenant_id in (select changed_tenants.* from changed_tenants)
    union all
    select
        tenant_id,
        deal_id
    from built_entries
    where {{ may_be_among(['tenant_id', 'pipeline_id'], ['tenant_id', 'pipeline_id'], 'changed_pipelines') }}
    union all
    select
        tenant_id,
        deal_id
    from {{ ref('stg_crm__deal_owner_history') }}
    where
        {{ may_be_among(['tenant_id', 'owner_user_id'], ['tenant_id', 'member_id'], 'changed_users') }}
        or {{ may_be_among(['tenant_id', 'from_owner_user_id'], ['tenant_id', 'member_id'], 'changed_users') }}
    union all
    select
        tenant_id,
        deal_id
    from built_deals
    where (tenant_id, currency, closed_day) in (select rate_days.* from rate_days)
    union all
    -- What time alone changes: the rate of open deals in another currency, and closes that were in the future.
    select
        deals.tenant_id as tenant_id,
        deals.deal_id as deal_id
    from built_deals as deals
    inner join {{ ref('dim_tenants') }} as tenants on deals.tenant_id = tenants.tenant_id
    left join rates_now as rates on deals.tenant_id = rates.tenant_id and deals.currency = rates.currency
    where
        (
            deals.closed_day is null
            and deals.currency != tenants.currency
            and coalesce(deals.exchange_rate, 0) != coalesce(rates.exchange_rate, 0)
        )
        or deals.is_future != coalesce(deals.closed_day > tenants.as_of_day, false)
),

kept as (
    select
        tenant_id,
        deal_id,
        slices_before,
        is_new
    from {{ as_built(
        'int_changed_deals', 'tenant_id String, deal_id String, is_new Bool, slices_before ' ~ slices_type()
    ) }}
    where tenant_id != '' and {{ news.keeps }}
),

keys as (
    select
        tenant_id,
        deal_id,
        max(is_new) as is_new,
        groupArrayArray(slices_before) as slices_before
    from (
        select
            tenant_id,
            deal_id,
            cast([] as {{ slices_type() }}) as slices_before,
            true as is_new
        from changed
        union all
        select
            tenant_id,
            deal_id,
            if({{ news.is_still_new }}, slices_before, []) as slices_before,
            {{ news.is_still_new }} as is_new
        from kept
    )
    group by tenant_id, deal_id
)

select
    keys.tenant_id as tenant_id,
    keys.deal_id as deal_id,
    keys.is_new as is_new,
    cast(
        arrayDistinct(
            arrayConcat(
                keys.slices_before,
                if(not keys.is_new or deals.deal_id is null, [], {{ slices_of_deal('deals') }})
            )
        ) as {{ slices_type() }}
    ) as slices_before,
    {{ news.read_until }} as read_until
-- In this order, as the right side is held in memory.
from built_deals as deals
right join keys on deals.tenant_id = keys.tenant_id and deals.deal_id = keys.deal_id -- noqa: CV08
union all
select
    '' as tenant_id,
    '' as deal_id,
    false as is_new,
    cast([] as {{ slices_type() }}) as slices_before,
    {{ news.read_until }} as read_until
