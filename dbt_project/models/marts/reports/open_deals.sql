-- Grain: one row per open deal as of the last build. The chance of winning is the model's newest, without one the
-- stage's. A view: scores come after the build of the models.
{{ config(materialized='view') }}
with scores as (
    select
        tenant_id,
        deal_id,
        -- Whoever reads the view decides whether a join that finds nothing gives NULL; of a Nullable it always does. A
        -- decimal that is made of a fraction would be cut off, not rounded.
        toNullable(toDecimal64(toInt64(round(probability * 1000000)), 6) / 1000000) as probability
    from {{ ref('deal_scores') }}
),

chances as (
    select
        deals.*,
        cast(coalesce(scores.probability, deals.stage_probability) as Nullable(Decimal(9, 6))) as chance,
        multiIf(
            scores.probability is not null, 'model', deals.stage_probability is not null, 'stage', {{ none_member() }}
        ) as chance_from
    from {{ ref('int_open_deals') }} as deals
    left join scores
        on deals.tenant_id = scores.tenant_id and deals.deal_id = scores.deal_id
)

select
    tenant_id,
    deal_id,
    deal_title,
    department_id,
    department_name,
    manager_id,
    manager_name,
    pipeline_id,
    pipeline_name,
    stage_id,
    stage_name,
    cast(stage_position as Nullable(Int64)) as stage_position,
    source_group,
    customer_kind,
    customer_id,
    customer_name,
    cast(created_day as Date32) as created_day,
    multiIf(
        age_days <= 30, '0–1', age_days <= 90, '1–3', age_days <= 180, '3–6', age_days <= 365, '6–12',
        '> 12'
    ) as age,
    multiIf(
        chance is null, {{ none_member() }},
        chance < 0.2, '0–20 %', chance < 0.4, '20–40 %', chance < 0.6, '40–60 %', chance < 0.8, '60–80 %',
        '80–100 %'
    ) as chance_band,
    chance_from,
    cast(expected_close_on as Nullable(Date32)) as expected_close_on,
    cast({{ first_of_month('expected_close_on') }} as Nullable(Date32)) as expected_month,
    cast(is_past_expected_close as Bool) as is_past_expected_close,
    cast(last_activity_day as Nullable(Date32)) as last_activity_day,
    cast(next_activity_day as Nullable(Date32)) as next_activity_day,
    cast(is_to_touch as Bool) as is_to_touch,
    cast(1 as UInt64) as open_deals,
    cast(coalesce(amount_base, 0) as Decimal(18, 2)) as open_amount_base,
    cast(
        coalesce(round(cast(amount_base as Nullable(Decimal(76, 2))) * chance, 2), 0) as Decimal(18, 2)
    ) as weighted_amount_base,
    cast(coalesce(chance, 0) as Decimal(9, 6)) as expected_wins,
    cast(chance is not null as UInt64) as deals_with_chance,
    cast(amount is null as UInt64) as deals_without_amount,
    cast(amount is not null and amount_base is null as UInt64) as deals_without_rate,
    cast(is_past_expected_close as UInt64) as past_due_deals,
    cast(if(is_past_expected_close, open_amount_base, 0) as Decimal(18, 2)) as past_due_amount_base,
    cast(is_to_touch as UInt64) as deals_to_touch,
    cast(overdue_tasks as UInt64) as overdue_tasks,
    cast(age_days as UInt64) as age_days,
    cast(untouched_days as UInt64) as untouched_days
from chances
