-- Grain: one row per tenant: what happened on its local day so far, beside what has happened by now on a
-- usual day. Today is read from the replicas, so it follows each load within seconds and does not wait for
-- the models; the rules are those of the facts.
with recently as (
    -- Every tenant's today began after this moment.
    select now64(6, 'UTC') - interval 2 day as moment
),

tenants as (
    select
        tenant_id,
        timezone,
        currency,
        {{ local_day("now64(6, 'UTC')", 'timezone') }} as today,
        {{ local_quarter("now64(6, 'UTC')", 'timezone') }} as quarter
    from {{ ref('stg_crm__tenants') }}
),

-- Recent rows are looked for in all loaded versions, which need no merging, and asked for again in the live ones.
recent_leads as (
    select
        tenant_id,
        lead_id
    from {{ ref('stg_crm__lead_versions') }}
    where created_at >= (select recently.moment from recently)
),

newest_leads as (
    {{ newest_versions(ref('stg_crm__lead_versions'), 'lead_id', among='recent_leads') }}
),

new_leads as (
    select
        leads.tenant_id as tenant_id,
        count() as leads
    from newest_leads as leads
    inner join tenants on leads.tenant_id = tenants.tenant_id
    where
        not leads.is_duplicate
        and {{ local_day('leads.created_at', 'tenants.timezone') }} = tenants.today
    group by tenant_id
),

recent_deals as (
    select
        tenant_id,
        deal_id
    from {{ ref('stg_crm__deal_versions') }}
    where created_at >= (select recently.moment from recently)
),

new_deals as (
    select
        deals.tenant_id as tenant_id,
        count() as deals
    from {{ ref('stg_crm__deals') }} as deals
    inner join tenants on deals.tenant_id = tenants.tenant_id
    where
        (deals.tenant_id, deals.deal_id) in (select recent_deals.* from recent_deals)
        and {{ local_day('deals.created_at', 'tenants.timezone') }} = tenants.today
    group by tenant_id
),

recent_activities as (
    select
        tenant_id,
        activity_id
    from {{ ref('stg_crm__activity_versions') }}
    where finished_at >= (select recently.moment from recently)
),

newest_activities as (
    {{ newest_versions(ref('stg_crm__activity_versions'), 'activity_id', among='recent_activities') }}
),

done_activities as (
    select
        activities.tenant_id as tenant_id,
        count() as completed_activities
    from newest_activities as activities
    inner join tenants on activities.tenant_id = tenants.tenant_id
    where
        activities.activity_status = 'completed'
        and {{ local_day('activities.finished_at', 'tenants.timezone') }} = tenants.today
    group by tenant_id
),

recent_closes as (
    select
        tenant_id,
        deal_id
    from {{ ref('stg_crm__deal_stage_history_versions') }}
    where changed_at >= (select recently.moment from recently)
    union distinct
    select
        tenant_id,
        deal_id
    from {{ ref('stg_crm__deal_versions') }}
    where
        closed_at >= (select recently.moment from recently)
        or closed_on >= toDate32((select recently.moment from recently))
),

closing_deals as (
    select
        deals.tenant_id as tenant_id,
        deals.deal_id as deal_id,
        deals.pipeline_id as pipeline_id,
        deals.stage_id as stage_id,
        deals.amount as amount,
        deals.currency as currency,
        deals.closed_on as closed_on,
        deals.closed_at as closed_at,
        stages.outcome as outcome
    from {{ ref('stg_crm__deals') }} as deals
    inner join {{ ref('stg_crm__stages') }} as stages
        on
            deals.tenant_id = stages.tenant_id
            and deals.pipeline_id = stages.pipeline_id
            and deals.stage_id = stages.stage_id
    where
        (deals.tenant_id, deals.deal_id) in (select recent_closes.* from recent_closes)
        and stages.outcome = 'won'
),

closing_history as (
    select
        tenant_id,
        history_id
    from {{ ref('stg_crm__deal_stage_history_versions') }}
    where
        cityHash64(tenant_id, deal_id)
        in (select cityHash64(recent_closes.tenant_id, recent_closes.deal_id) from recent_closes)
),

newest_history as (
    {{ newest_versions(ref('stg_crm__deal_stage_history_versions'), 'history_id', among='closing_history') }}
),

history as (
    select
        tenant_id,
        deal_id,
        pipeline_id,
        from_stage_id,
        stage_id,
        changed_at,
        is_observed,
        row_number() over (
            partition by tenant_id, deal_id
            order by {{ history_order('changed_at', 'history_id') }}
        ) as number
    from newest_history
),

-- The stage that the first recorded change left comes before it, as entry 0.
stage_entries as (
    select
        tenant_id,
        deal_id,
        pipeline_id,
        changed_at,
        is_observed,
        arrayJoin(
            if(
                number = 1 and from_stage_id is not null,
                [(0, assumeNotNull(from_stage_id)), (number, stage_id)],
                [(number, stage_id)]
            )
        ) as entry
    from history
),

entries as (
    select
        entries.tenant_id as tenant_id,
        entries.deal_id as deal_id,
        entries.pipeline_id as pipeline_id,
        entries.entry.2 as stage_id,
        entries.changed_at as entered_at,
        entries.is_observed as is_observed,
        coalesce(stages.outcome, '') as outcome,
        toUInt32(entries.entry.1) as ordinal
    from stage_entries as entries
    left join {{ ref('stg_crm__stages') }} as stages
        on
            entries.tenant_id = stages.tenant_id
            and entries.pipeline_id = stages.pipeline_id
            and entries.entry.2 = stages.stage_id
),

closes as (
    {{ last_runs('entries') }}
),

won_today as (
    select
        deals.tenant_id as tenant_id,
        deals.currency as currency,
        deals.amount as amount,
        tenants.currency as tenant_currency,
        assumeNotNull(
            {{ closed_day(
                'deals.outcome',
                close_is_by_history('closes', 'deals.closed_on', 'deals.closed_at', 'tenants.timezone'),
                'closes.entered_outcome_at', 'deals.closed_on', 'deals.closed_at', 'tenants.timezone'
            ) }}
        ) as rate_day
    from closing_deals as deals
    inner join tenants on deals.tenant_id = tenants.tenant_id
    left join closes
        on
            deals.tenant_id = closes.tenant_id
            and deals.deal_id = closes.deal_id
            and deals.pipeline_id = closes.last_pipeline_id
            and deals.stage_id = closes.last_stage_id
    where rate_day = tenants.today
),

rated as (
    select
        deals.tenant_id as tenant_id,
        deals.amount as amount,
        {{ exchange_rate('deals.currency', 'deals.tenant_currency', 'deals.rate_day', 'rates.rate_on', 'rates.rate') }}
            as exchange_rate
    from won_today as deals
    asof left join {{ ref('stg_crm__exchange_rates') }} as rates
        on
            deals.tenant_id = rates.tenant_id
            and deals.currency = rates.currency
            and deals.rate_day >= rates.rate_on
),

sales as (
    select
        tenant_id,
        count() as won_deals,
        sum(coalesce({{ amount_base('amount', 'exchange_rate') }}, 0)) as won_amount_base,
        countIf(amount is null) as deals_without_amount,
        countIf(amount is not null and exchange_rate is null) as deals_without_rate
    from rated
    group by tenant_id
)

select
    tenants.tenant_id as tenant_id,
    tenants.today as day,
    cast(coalesce(new_leads.leads, 0) as UInt64) as leads,
    cast(coalesce(new_deals.deals, 0) as UInt64) as deals,
    cast(coalesce(sales.won_deals, 0) as UInt64) as won_deals,
    cast(coalesce(sales.won_amount_base, 0) as Decimal(18, 2)) as won_amount_base,
    cast(coalesce(sales.deals_without_amount, 0) as UInt64) as deals_without_amount,
    cast(coalesce(sales.deals_without_rate, 0) as UInt64) as deals_without_rate,
    cast(coalesce(done_activities.completed_activities, 0) as UInt64) as completed_activities,
    cast(usual.usual_leads as Nullable(Decimal(18, 2))) as usual_leads,
    cast(usual.usual_deals as Nullable(Decimal(18, 2))) as usual_deals,
    cast(usual.usual_won_deals as Nullable(Decimal(18, 2))) as usual_won_deals,
    cast(usual.usual_won_amount_base as Nullable(Decimal(18, 2))) as usual_won_amount_base,
    cast(usual.usual_completed_activities as Nullable(Decimal(18, 2))) as usual_completed_activities,
    now64(3, 'UTC') as refreshed_at
from tenants
left join new_leads on tenants.tenant_id = new_leads.tenant_id
left join new_deals on tenants.tenant_id = new_deals.tenant_id
left join sales on tenants.tenant_id = sales.tenant_id
left join done_activities on tenants.tenant_id = done_activities.tenant_id
left join {{ ref('usual_day') }} as usual
    on
        tenants.tenant_id = usual.tenant_id
        and toDayOfWeek(tenants.today) = usual.weekday
        and tenants.quarter = usual.quarter
-- A view is refreshed with the server's settings, not with those of the models' profile.
settings join_use_nulls = 1, query_plan_optimize_join_order_limit = 0, optimize_move_to_prewhere_if_final = 1
