-- Grain: one row per deal that may have changed since some model of deals was last built, and one with empty ids that tells how
-- far the sources were read to find them. Empty but for that one where all of these models are about to be built whole.
{%- set news = what_changed('deals') %}
{%- set entries = built_relation('int_deal_stage_entries') %}
{%- set owners = built_relation('int_deal_owners_at_close') %}
{%- set facts = built_relation('fct_deals') %}
{%- set dimensions = news.dimensions %}
-- depends_on: {{ ref('stg_crm__deal_stage_history_versions') }}, {{ ref('stg_crm__deal_owner_history_versions') }}
-- depends_on: {{ ref('stg_crm__deal_versions') }}, {{ ref('stg_crm__lead_versions') }}, {{ ref('stg_crm__deals') }}
-- depends_on: {{ ref('stg_crm__deal_owner_history') }}, {{ ref('stg_crm__exchange_rates') }}, {{ ref('dim_tenants') }}
with changed as (
    select
        '' as tenant_id,
        '' as deal_id
    {%- if not news.is_first %}
        {%- if news.conditions.deals %}
    union all
    select
        tenant_id,
        deal_id
    from {{ ref('stg_crm__deal_versions') }}
    where {{ news.conditions.deals }}
        {%- endif %}
        {%- if news.conditions.leads and facts %}
    union all
    -- Whether a deal is a direct one depends on its lead.
    select
        tenant_id,
        deal_id
    from {{ facts }}
    where
        (tenant_id, lead_id) in (
            select
                tenant_id,
                lead_id
            from {{ ref('stg_crm__lead_versions') }}
            where {{ news.conditions.leads }}
        )
        {%- endif %}
        {%- for history, built in (('deal_stage_history', entries), ('deal_owner_history', owners)) %}
            {%- if news.conditions[history] %}
    union all
    select
        tenant_id,
        deal_id
    from {{ ref('stg_crm__' ~ history ~ '_versions') }}
    where {{ news.conditions[history] }}
                {%- if built and history == 'deal_owner_history' %}
    union all
    select
        tenant_id,
        deal_id
    from {{ built }}
    array join history_ids as history_id
    where
        (tenant_id, history_id) in (
            select
                tenant_id,
                history_id
            from {{ ref('stg_crm__deal_owner_history_versions') }}
            where {{ news.conditions[history] }}
        )
                {%- elif built %}
    union all
    -- A row of the history that moved to another deal leaves the old one as well.
    select
        tenant_id,
        deal_id
    from {{ built }}
    where
        (tenant_id, history_id) in (
            select
                tenant_id,
                history_id
            from {{ ref('stg_crm__' ~ history ~ '_versions') }}
            where {{ news.conditions[history] }}
        )
                {%- endif %}
            {%- endif %}
        {%- endfor %}
        {%- if 'stage' in dimensions or 'pipeline' in dimensions %}
            {%- for relation in (ref('stg_crm__deals'), entries) if relation %}
    union all
    select
        tenant_id,
        deal_id
    from {{ relation }}
    where (tenant_id, pipeline_id) in ({{ changed_members(news, 'stage', 'parent_id') }} union all {{ changed_members(news, 'pipeline') }})
            {%- endfor %}
        {%- endif %}
        {%- if 'user' in dimensions %}
    union all
    select
        tenant_id,
        deal_id
    from {{ ref('stg_crm__deals') }}
    where (tenant_id, owner_user_id) in ({{ changed_members(news, 'user') }})
    union all
    select
        tenant_id,
        deal_id
    from {{ ref('stg_crm__deal_owner_history') }}
    where
        (tenant_id, owner_user_id) in ({{ changed_members(news, 'user') }})
        or (tenant_id, from_owner_user_id) in ({{ changed_members(news, 'user') }})
        {%- endif %}
        {%- if 'tenant' in dimensions %}
    union all
    select
        tenant_id,
        deal_id
    from {{ ref('stg_crm__deals') }}
    where (tenant_id, tenant_id) in ({{ changed_members(news, 'tenant') }})
        {%- endif %}
        {%- if 'exchange_rate' in dimensions and facts %}
    union all
    select
        tenant_id,
        deal_id
    from {{ facts }}
    where
        (tenant_id, currency, closed_day) in (
            select
                tenant_id,
                parent_id,
                arrayJoin(
                    arrayMap(days -> toDate32(member_id) + days, range({{ var('exchange_rate_max_age_days') }} + 1))
                )
            from {{ ref('int_member_changes') }}
            where dimension = 'exchange_rate' and number > {{ news.members }}
        )
        {%- endif %}
        {%- if facts %}
    union all
    -- What time alone changes: the rate of open deals in another currency, and closes that were in the future.
    select
        deals.tenant_id as tenant_id,
        deals.deal_id as deal_id
    from {{ facts }} as deals
    inner join {{ ref('dim_tenants') }} as tenants on deals.tenant_id = tenants.tenant_id
    where
        (deals.closed_day is null and deals.amount is not null and deals.currency != tenants.currency)
        or deals.is_future != coalesce(deals.closed_day > tenants.as_of_day, false)
        {%- endif %}
    {%- endif %}
)

select
    tenant_id,
    deal_id,
    {{ news.read_until }} as read_until
from changed
group by tenant_id, deal_id
