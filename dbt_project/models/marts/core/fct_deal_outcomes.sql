-- Grain: one row per live deal and unbroken run of stages with one outcome, so that the outcome of any past day can be
-- told, a win that was taken back included. A deal that its history does not cover is open until its close.
with entries as (
    select
        entries.tenant_id as tenant_id,
        entries.deal_id as deal_id,
        entries.ordinal as ordinal,
        entries.outcome as outcome,
        entries.entered_day as entered_day,
        row_number() over (partition by entries.tenant_id, entries.deal_id order by entries.ordinal) as place,
        lagInFrame(entries.outcome) over (
            partition by entries.tenant_id, entries.deal_id
            order by entries.ordinal
            rows between unbounded preceding and unbounded following
        ) as previous_outcome
    from {{ ref('fct_deal_stage_entries') }} as entries
    inner join {{ ref('int_deal_history_closes') }} as covered
        on entries.tenant_id = covered.tenant_id and entries.deal_id = covered.deal_id
),

uncovered as (
    select
        deals.tenant_id as tenant_id,
        deals.deal_id as deal_id,
        deals.outcome as outcome,
        deals.created_day as created_day,
        deals.closed_day as closed_day
    from {{ ref('fct_deals') }} as deals
    left anti join {{ ref('int_deal_history_closes') }} as covered
        on deals.tenant_id = covered.tenant_id and deals.deal_id = covered.deal_id
)

select
    deals.tenant_id as tenant_id,
    deals.deal_id as deal_id,
    entries.ordinal as run,
    entries.outcome as outcome,
    -- Before its first entry a deal has the outcome of that entry.
    toNullable(if(entries.place = 1, least(deals.created_day, entries.entered_day), entries.entered_day)) as since_day
from entries
inner join {{ ref('fct_deals') }} as deals
    on entries.tenant_id = deals.tenant_id and entries.deal_id = deals.deal_id
where entries.place = 1 or entries.outcome != entries.previous_outcome
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
