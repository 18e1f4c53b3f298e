-- Judge of the coverage of the plan, from the tables of prepare.sql. Rows of zeros are those of the sales by month.
with cell as (
    select
        deal.tenant_id,
        date_trunc('month', deal.expected_close_on::timestamp)::date as month,
        deal.department_id,
        deal.manager_id,
        1 as open_deals,
        coalesce(deal.amount_base, 0) as open_amount,
        coalesce(
            round(
                deal.amount_base * round(coalesce(judge_score.probability::numeric, deal.probability / 100), 6), 2
            ),
            0
        ) as weighted_amount,
        0::numeric as target_amount,
        0::numeric as sold
    from judge_deal as deal
    inner join judge_tenant as tenant on tenant.tenant_id = deal.tenant_id
    left join judge_score on judge_score.tenant_id = deal.tenant_id and judge_score.deal_id = deal.deal_id::text
    where deal.outcome = 'open' and deal.expected_close_on >= tenant.as_of_day
    union all
    select
        judge_target.tenant_id,
        judge_target.month,
        coalesce(judge_user.department_id, '(none)'),
        coalesce(judge_user.user_id::text, '(none)'),
        0,
        0,
        0,
        judge_target.target_amount,
        0
    from judge_target
    inner join judge_tenant on judge_tenant.tenant_id = judge_target.tenant_id
    left join judge_user
        on judge_user.tenant_id = judge_target.tenant_id and judge_user.user_id::text = judge_target.manager_id
    union all
    select
        tenant_id,
        date_trunc('month', close_day::timestamp)::date,
        department_id,
        manager_id,
        0,
        0,
        0,
        0,
        coalesce(amount_base, 0)
    from judge_deal
    where outcome = 'won' and close_day is not null and not is_future
)

select
    cell.tenant_id,
    cell.month,
    cell.department_id,
    cell.manager_id,
    cell.month = date_trunc('month', tenant.as_of_day::timestamp) as is_this_month,
    date_trunc('quarter', cell.month::timestamp) = date_trunc('quarter', tenant.as_of_day::timestamp) as is_this_quarter,
    sum(cell.open_deals) as open_deals,
    sum(cell.open_amount) as open_amount_base,
    sum(cell.weighted_amount) as weighted_amount_base,
    sum(cell.target_amount) as target_amount_base,
    sum(cell.sold) as won_amount_base,
    sum(cell.target_amount - cell.sold) as left_amount_base
from cell
inner join judge_tenant as tenant on tenant.tenant_id = cell.tenant_id
where
    cell.month >= date_trunc('quarter', tenant.as_of_day::timestamp)
    and cell.month < date_trunc('month', tenant.as_of_day::timestamp) + interval '1 year'
group by cell.tenant_id, cell.month, cell.department_id, cell.manager_id, tenant.as_of_day
having sum(cell.open_deals) > 0 or sum(cell.target_amount) != 0 or sum(cell.sold) != 0
