-- Grain: tenant, month, manager, for each month in which the manager was active. A team is a department as it is now;
-- its median stands beside each of its managers, who need not see the others' rows.
with members as (
    select
        months.tenant_id as tenant_id,
        months.month as month,
        users.department_id as department_id,
        users.department_name as department_name,
        users.user_id as manager_id,
        users.user_name as manager_name
    from {{ ref('int_tenant_months') }} as months
    inner join {{ ref('dim_users') }} as users on months.tenant_id = users.tenant_id
    where
        users.role = 'manager'
        and {{ first_of_month('users.created_day') }} <= months.month
        and (users.is_active or users.deactivated_day is not null)
        and (users.deactivated_day is null or users.deactivated_day >= months.month)
),

sales as (
    select
        tenant_id,
        month,
        manager_id,
        sum(won_deals) as won_deals,
        sum(won_amount_base) as won_amount_base,
        sum(target_deals) as target_deals,
        sum(target_amount_base) as target_amount_base
    from {{ ref('sales_by_month') }}
    where not is_future
    group by tenant_id, month, manager_id
),

closes as (
    select
        tenant_id,
        month,
        manager_id,
        sum(lost_deals) as lost_deals
    from {{ ref('closed_deals') }}
    where not is_future
    group by tenant_id, month, manager_id
),

work as (
    select
        tenant_id,
        month,
        manager_id,
        sum(total) as completed_activities
    from {{ ref('manager_activity') }}
    group by tenant_id, month, manager_id
),

results as (
    select
        members.tenant_id as tenant_id,
        members.month as month,
        members.department_id as department_id,
        members.department_name as department_name,
        members.manager_id as manager_id,
        members.manager_name as manager_name,
        coalesce(sales.won_deals, 0) as won_deals,
        coalesce(closes.lost_deals, 0) as lost_deals,
        toDecimal64(coalesce(sales.won_amount_base, 0), 2) as won_amount_base,
        coalesce(sales.target_deals, 0) as target_deals,
        toDecimal64(coalesce(sales.target_amount_base, 0), 2) as target_amount_base,
        coalesce(work.completed_activities, 0) as completed_activities
    from members
    left join sales
        on
            members.tenant_id = sales.tenant_id
            and members.month = sales.month
            and members.manager_id = sales.manager_id
    left join closes
        on
            members.tenant_id = closes.tenant_id
            and members.month = closes.month
            and members.manager_id = closes.manager_id
    left join work
        on
            members.tenant_id = work.tenant_id
            and members.month = work.month
            and members.manager_id = work.manager_id
),

teams as (
    select
        tenant_id,
        month,
        department_id,
        {{ median_of('won_amount_base') }} as median_amount_base,
        {{ median_of('won_deals') }} as median_won_deals,
        {{ median_of('completed_activities') }} as median_activities
    from results
    group by tenant_id, month, department_id
)

select
    results.tenant_id as tenant_id,
    cast(results.month as Date32) as month,
    results.department_id as department_id,
    results.department_name as department_name,
    results.manager_id as manager_id,
    results.manager_name as manager_name,
    cast(1 as UInt64) as manager_months,
    cast(results.won_deals as UInt64) as won_deals,
    cast(results.lost_deals as UInt64) as lost_deals,
    cast(results.won_amount_base as Decimal(18, 2)) as won_amount_base,
    cast(results.target_deals as UInt64) as target_deals,
    cast(results.target_amount_base as Decimal(18, 2)) as target_amount_base,
    cast(results.completed_activities as UInt64) as completed_activities,
    cast(teams.median_amount_base as Decimal(18, 2)) as median_amount_base,
    cast(teams.median_won_deals as Decimal(18, 2)) as median_won_deals,
    cast(teams.median_activities as Decimal(18, 2)) as median_activities
from results
inner join teams
    on
        results.tenant_id = teams.tenant_id
        and results.month = teams.month
        and results.department_id = teams.department_id
