-- Grain: one row per live deal and unbroken run of stages with one outcome, so that the outcome of any past day can be
-- told, a win that was taken back included. A deal that its history does not cover is open until its close.
with covered as (
    select
        tenant_id,
        deal_id
    from {{ ref('int_deal_history_closes') }}
    where {{ only_changed('deals', ['tenant_id', 'deal_id']) }}
),

deals as (
    select
        tenant_id,
        deal_id,
        outcome,
        created_day,
        closed_day
    from {{ ref('fct_deals') }}
    where {{ only_changed('deals', ['tenant_id', 'deal_id']) }}
),

entries as (
    select
        tenant_id,
        deal_id,
        ordinal,
        outcome,
        entered_day,
        row_number() over (partition by tenant_id, deal_id order by ordinal) = 1 as is_first,
        lagInFrame(outcome) over (
            partition by tenant_id, deal_id
            order by ordinal
            rows between unbounded preceding and unbounded following
        ) as previous_outcome
    from {{ ref('fct_deal_stage_entries') }}
    where
        {{ only_changed('deals', ['tenant_id', 'deal_id']) }}
        and (tenant_id, deal_id) in (select covered.* from covered)
),

uncovered as (
    select *
    from deals
    where (tenant_id, deal_id) not in (select covered.* from covered)
)

select
    entries.tenant_id as tenant_id,
    entries.deal_id as deal_id,
    entries.ordinal as run,
    entries.outcome as outcome,
    -- Before its first entry a deal has the outcome of that entry.
    toNullable(if(entries.is_first, least(deals.created_day, entries.entered_day), entries.entered_day)) as since_day
from entries
inner join deals
    on entries.tenant_id = deals.tenant_id and entries.deal_id = deals.deal_id
where entries.is_first or entries.outcome != entries.previous_outcome
union all
select
    deals.tenant_id as tenant_id,
    deals.deal_id as deal_id,
    toUInt32(0) as run,
    'open' as outcome,
    toNullable(deals.created_day) as since_day
from uncovered as deals
-- A deal closed on an unknown day was open until one that cannot be told.
where deals.outcome not in ('won', 'lost') or deals.closed_day is not null
union all
select
    tenant_id,
    deal_id,
    toUInt32(1) as run,
    outcome,
    closed_day as since_day
from uncovered
where outcome in ('won', 'lost')
