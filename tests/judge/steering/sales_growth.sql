-- Judge of the growth of sales, from the tables of prepare.sql.
with sale as (
    select
        deal.*,
        tenant.first_day,
        tenant.as_of_day,
        coalesce(deal.amount_base, 0) as sold
    from judge_deal as deal
    inner join judge_tenant as tenant on tenant.tenant_id = deal.tenant_id
    where deal.outcome = 'won' and deal.close_day is not null and not deal.is_future
),

compared as (
    select
        sale.*,
        sale.close_day as shown_on,
        1 as now
    from sale
    where sale.close_day - interval '1 year' >= sale.first_day
    union all
    select
        sale.*,
        (sale.close_day + interval '1 year')::date as shown_on,
        0 as now
    from sale
    where sale.close_day + interval '1 year' <= sale.as_of_day and sale.close_day >= sale.first_day
)

select
    tenant_id,
    date_trunc('month', shown_on::timestamp)::date as month,
    department_id,
    manager_id,
    pipeline_id,
    sum(now) as won_deals,
    sum(now * sold) as won_amount_base,
    sum(1 - now) as year_before_won_deals,
    sum((1 - now) * sold) as year_before_amount_base,
    sum(2 * now - 1) as growth_deals,
    sum((2 * now - 1) * sold) as growth_amount_base
from compared
group by tenant_id, date_trunc('month', shown_on::timestamp), department_id, manager_id, pipeline_id
