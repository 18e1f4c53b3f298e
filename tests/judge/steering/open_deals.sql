-- Judge of the open deals, from the tables of prepare.sql.
with touch as (
    select
        activity.tenant_id,
        activity.deal_id,
        max(activity.done_day) filter (where activity.is_done) as last_day,
        min(activity.due_day) filter (where activity.is_open and activity.due_day >= tenant.as_of_day) as next_day,
        count(*) filter (where activity.is_overdue_task) as overdue_tasks
    from judge_activity as activity
    inner join judge_tenant as tenant on tenant.tenant_id = activity.tenant_id
    group by activity.tenant_id, activity.deal_id
)

select
    deal.tenant_id,
    deal.deal_id::text as deal_id,
    deal.department_id,
    deal.manager_id,
    deal.pipeline_id,
    deal.stage_id,
    deal.stage_name,
    deal.customer_kind,
    deal.customer_id,
    deal.customer_name,
    deal.created_day,
    case
        when age.days > 365 then '> 12'
        when age.days > 180 then '6–12'
        when age.days > 90 then '3–6'
        when age.days > 30 then '1–3'
        else '0–1'
    end as age,
    case
        when chance.value is null then '(none)'
        else
            (array['0–20 %%', '20–40 %%', '40–60 %%', '60–80 %%', '80–100 %%', '80–100 %%'])[floor(chance.value * 5)::integer + 1]
    end as chance_band,
    case when judge_score.deal_id is not null then 'model' when deal.probability is not null then 'stage' else '(none)' end
        as chance_from,
    deal.expected_close_on,
    date_trunc('month', deal.expected_close_on::timestamp)::date as expected_month,
    coalesce(deal.expected_close_on < tenant.as_of_day, false) as is_past_expected_close,
    touch.last_day as last_activity_day,
    touch.next_day as next_activity_day,
    touch.next_day is null and untouched.days >= 7 as is_to_touch,
    1 as open_deals,
    coalesce(deal.amount_base, 0) as open_amount_base,
    coalesce(round(deal.amount_base * chance.value, 2), 0) as weighted_amount_base,
    coalesce(chance.value, 0) as expected_wins,
    (chance.value is not null)::integer as deals_with_chance,
    (deal.amount is null)::integer as deals_without_amount,
    (deal.amount is not null and deal.amount_base is null)::integer as deals_without_rate,
    coalesce(deal.expected_close_on < tenant.as_of_day, false)::integer as past_due_deals,
    case when deal.expected_close_on < tenant.as_of_day then coalesce(deal.amount_base, 0) else 0 end as past_due_amount_base,
    (touch.next_day is null and untouched.days >= 7)::integer as deals_to_touch,
    coalesce(touch.overdue_tasks, 0) as overdue_tasks,
    age.days as age_days,
    untouched.days as untouched_days
from judge_deal as deal
inner join judge_tenant as tenant on tenant.tenant_id = deal.tenant_id
left join judge_score on judge_score.tenant_id = deal.tenant_id and judge_score.deal_id = deal.deal_id::text
cross join
    lateral (
        select round(coalesce(judge_score.probability::numeric, deal.probability / 100), 6) as value
    ) as chance
cross join lateral (select greatest(tenant.as_of_day - deal.created_day, 0) as days) as age
left join touch on touch.tenant_id = deal.tenant_id and touch.deal_id = deal.deal_id
cross join
    lateral (
        select greatest(tenant.as_of_day - greatest(deal.created_day, touch.last_day), 0) as days
    ) as untouched
where deal.outcome = 'open'
