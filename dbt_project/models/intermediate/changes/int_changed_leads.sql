-- Grain: one row per lead that may have changed since some model of leads was last built, and one with empty ids that tells how
-- far the sources were read to find them. Empty but for that one where all of these models are about to be built whole.
{%- set news = what_changed('leads') %}
{%- set facts = built_relation('fct_deals') %}
-- depends_on: {{ ref('stg_crm__lead_versions') }}, {{ ref('stg_crm__leads') }}, {{ ref('stg_crm__deals') }}
-- depends_on: {{ ref('int_changed_deals') }}
with changed as (
    select
        '' as tenant_id,
        '' as lead_id
    {%- if not news.is_first %}
        {%- if news.conditions.leads %}
    union all
    select
        tenant_id,
        lead_id
    from {{ ref('stg_crm__lead_versions') }}
    where {{ news.conditions.leads }}
        {%- endif %}
    union all
    -- A deal converts the lead that it refers to now and no longer the one that it referred to.
    select
        tenant_id,
        assumeNotNull(lead_id) as lead_id
    from {{ ref('stg_crm__deals') }}
    where lead_id is not null and {{ is_changed('deals', ['tenant_id', 'deal_id']) }}
        {%- if facts %}
    union all
    select
        tenant_id,
        assumeNotNull(lead_id) as lead_id
    from {{ facts }}
    where lead_id is not null and {{ is_changed('deals', ['tenant_id', 'deal_id']) }}
        {%- endif %}
        {%- for dimension, column in (('source', 'source_id'), ('user', 'owner_user_id'), ('tenant', 'tenant_id')) if dimension in news.dimensions %}
    union all
    select
        tenant_id,
        lead_id
    from {{ ref('stg_crm__leads') }}
    where (tenant_id, {{ column }}) in ({{ changed_members(news, dimension) }})
        {%- endfor %}
    {%- endif %}
)

select
    tenant_id,
    lead_id,
    {{ news.read_until }} as read_until
from changed
group by tenant_id, lead_id
