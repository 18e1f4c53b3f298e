-- Judge of the revenue by customer, from the tables of prepare.sql.
with sale as (
    select
        deal.*,
        date_trunc('month', deal.close_day::timestamp)::date as month,
        coalesce(deal.amount_base, 0) as sold
    from judge_deal as deal
    inner join judge_tenant as tenant on tenant.tenant_id = deal.tenant_id
    where
        deal.outcome = 'won'
        and deal.close_day <= tenant.as_of_day
        and date_trunc('month', deal.close_day::timestamp)
        > date_trunc('month', tenant.as_of_day::timestamp) - interval '1 year'
),

customer as (
    select
        tenant_id,
        customer_kind,
        customer_id,
        sum(sold) as sold
    from sale
    where customer_id != '(none)'
    group by tenant_id, customer_kind, customer_id
),

-- One more than the number of customers that come before.
place as (
    select
        customer.tenant_id,
        customer.customer_kind,
        customer.customer_id,
        1 + (
            select count(*) from customer as other
            where
                other.tenant_id = customer.tenant_id
                and (
                    other.sold > customer.sold
                    or (
                        other.sold = customer.sold
                        -- The name of a collation is read as that of a column by the linter.
                        and (other.customer_kind collate "C", other.customer_id collate "C") -- noqa: RF02, RF03
                        < (customer.customer_kind collate "C", customer.customer_id collate "C") -- noqa: RF02, RF03
                    )
                )
        ) as customer_rank
    from customer
)

select
    sale.tenant_id,
    sale.month,
    sale.customer_kind,
    sale.customer_id,
    sale.customer_name,
    sale.department_id,
    sale.manager_id,
    sale.pipeline_id,
    place.customer_rank,
    case
        when place.customer_rank is null then '(none)'
        when place.customer_rank > 20 then '> 20'
        when place.customer_rank > 10 then '11–20'
        when place.customer_rank > 5 then '6–10'
        when place.customer_rank > 1 then '2–5'
        else '1'
    end as rank_band,
    count(*) as won_deals,
    sum(sale.sold) as won_amount_base,
    coalesce(sum(sale.sold) filter (where place.customer_rank = 1), 0) as largest_amount_base,
    coalesce(sum(sale.sold) filter (where place.customer_rank between 1 and 10), 0) as top10_amount_base
from sale
left join place
    on
        place.tenant_id = sale.tenant_id
        and place.customer_kind = sale.customer_kind
        and place.customer_id = sale.customer_id
group by
    sale.tenant_id,
    sale.month,
    sale.customer_kind,
    sale.customer_id,
    sale.customer_name,
    sale.department_id,
    sale.manager_id,
    sale.pipeline_id,
    place.customer_rank
