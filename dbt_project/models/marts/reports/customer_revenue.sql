-- Grain: tenant, month, customer, manager (current owner) with department, pipeline. Won deals of the as-of
-- month and of the eleven before it, up to the as-of day. The rank is the customer's in the whole tenant over
-- these twelve months.
with sold_deals as (
    select
        deals.tenant_id as tenant_id,
        deals.deal_id as deal_id,
        {{ first_of_month('deals.closed_day') }} as month,
        deals.department_id as department_id,
        deals.department_name as department_name,
        deals.manager_id as manager_id,
        deals.manager_name as manager_name,
        deals.pipeline_id as pipeline_id,
        deals.pipeline_name as pipeline_name,
        coalesce(deals.amount_base, 0) as amount
    from {{ ref('fct_deals') }} as deals
    inner join {{ ref('dim_tenants') }} as tenants on deals.tenant_id = tenants.tenant_id
    where
        deals.outcome = 'won'
        and deals.closed_day >= addMonths({{ first_of_month('tenants.as_of_day') }}, -11)
        and not deals.is_future
),

customers as (
    {{ rows_among(ref('int_deal_customers'), 'deal_id', keys='sold_deals') }}
),

sales as (
    select
        deals.*,
        customers.customer_kind as customer_kind,
        customers.customer_id as customer_id,
        customers.customer_name as customer_name
    from sold_deals as deals
    inner join customers on deals.tenant_id = customers.tenant_id and deals.deal_id = customers.deal_id
),

ranked as (
    select
        tenant_id,
        customer_kind,
        customer_id,
        row_number() over (
            partition by tenant_id
            order by sum(amount) desc, customer_kind asc, customer_id asc
        ) as customer_rank
    from sales
    where customer_kind != {{ none_member() }}
    group by tenant_id, customer_kind, customer_id
)

select
    sales.tenant_id as tenant_id,
    cast(sales.month as Date32) as month,
    sales.customer_kind as customer_kind,
    sales.customer_id as customer_id,
    any(sales.customer_name) as customer_name,
    sales.department_id as department_id,
    any(sales.department_name) as department_name,
    sales.manager_id as manager_id,
    any(sales.manager_name) as manager_name,
    sales.pipeline_id as pipeline_id,
    any(sales.pipeline_name) as pipeline_name,
    cast(any(ranked.customer_rank) as Nullable(UInt64)) as customer_rank,
    multiIf(
        customer_rank is null, {{ none_member() }},
        customer_rank = 1, '1', customer_rank <= 5, '2–5', customer_rank <= 10, '6–10', customer_rank <= 20, '11–20',
        '> 20'
    ) as rank_band,
    cast(count() as UInt64) as won_deals,
    cast(sum(sales.amount) as Decimal(18, 2)) as won_amount_base,
    cast(if(customer_rank = 1, won_amount_base, 0) as Decimal(18, 2)) as largest_amount_base,
    cast(if(customer_rank <= 10, won_amount_base, 0) as Decimal(18, 2)) as top10_amount_base
from sales
left join ranked
    on
        sales.tenant_id = ranked.tenant_id
        and sales.customer_kind = ranked.customer_kind
        and sales.customer_id = ranked.customer_id
group by tenant_id, month, customer_kind, customer_id, department_id, manager_id, pipeline_id
