-- Judge of the results beside the team's median, from the tables of prepare.sql.
with closed as (
    select
        tenant_id,
        manager_id,
        date_trunc('month', close_day::timestamp) as month,
        count(*) filter (where outcome = 'won') as won_deals,
        count(*) filter (where outcome = 'lost') as lost_deals,
        coalesce(sum(amount_base) filter (where outcome = 'won'), 0) as won_amount_base
    from judge_deal
    where close_day is not null and not is_future
    group by tenant_id, manager_id, date_trunc('month', close_day::timestamp)
),

done as (
    select
        tenant_id,
        manager_id,
        date_trunc('month', done_day::timestamp) as month,
        count(*) as completed_activities
    from judge_activity
    where is_done
    group by tenant_id, manager_id, date_trunc('month', done_day::timestamp)
),

result as (
    select
        tenant.tenant_id,
        months.first_day::date as month,
        member.department_id,
        member.department_name,
        member.user_id::text as manager_id,
        member.full_name as manager_name,
        coalesce(closed.won_deals, 0) as won_deals,
        coalesce(closed.lost_deals, 0) as lost_deals,
        coalesce(closed.won_amount_base, 0) as won_amount_base,
        coalesce(judge_target.target_deals, 0) as target_deals,
        coalesce(judge_target.target_amount, 0) as target_amount_base,
        coalesce(done.completed_activities, 0) as completed_activities
    from judge_tenant as tenant
    cross join
        lateral generate_series(
            date_trunc('month', tenant.first_day::timestamp), tenant.as_of_day::timestamp, interval '1 month'
        ) as months (first_day)
    inner join judge_user as member
        on
            member.tenant_id = tenant.tenant_id
            and member.role = 'manager'
            and member.created_day < months.first_day + interval '1 month'
            and coalesce(member.deactivated_day >= months.first_day, member.is_active)
    left join closed
        on
            closed.tenant_id = tenant.tenant_id
            and closed.manager_id = member.user_id::text
            and closed.month = months.first_day
    left join done
        on
            done.tenant_id = tenant.tenant_id
            and done.manager_id = member.user_id::text
            and done.month = months.first_day
    left join judge_target
        on
            judge_target.tenant_id = tenant.tenant_id
            and judge_target.manager_id = member.user_id::text
            and judge_target.month = months.first_day
),

-- Halfway between the middle two, in exact arithmetic.
median as (
    select
        tenant_id,
        month,
        department_id,
        array_agg(won_amount_base order by won_amount_base) as amounts,
        array_agg(won_deals order by won_deals) as deals,
        array_agg(completed_activities order by completed_activities) as activities,
        (count(*)::integer + 1) / 2 as low,
        count(*)::integer / 2 + 1 as high
    from result
    group by tenant_id, month, department_id
)

select
    result.*,
    1 as manager_months,
    round((median.amounts[median.low] + median.amounts[median.high]) / 2, 2) as median_amount_base,
    (median.deals[median.low] + median.deals[median.high]) / 2.0 as median_won_deals,
    (median.activities[median.low] + median.activities[median.high]) / 2.0 as median_activities
from result
inner join median
    on
        median.tenant_id = result.tenant_id
        and median.month = result.month
        and median.department_id = result.department_id
