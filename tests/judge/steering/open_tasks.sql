-- Judge of the open activities, from the tables of prepare.sql.
select
    activity.tenant_id,
    activity.activity_id::text as activity_id,
    activity.activity_type,
    activity.department_id,
    activity.manager_id,
    activity.deal_id::text as deal_id,
    deal.title as deal_title,
    coalesce(deal.customer_name, '(none)') as customer_name,
    activity.due_day,
    case
        when activity.due_day is null then '(none)'
        when activity.due_day < tenant.as_of_day then 'before'
        when activity.due_day > tenant.as_of_day then 'later'
        else 'today'
    end as due,
    activity.is_overdue_task as is_overdue,
    1 as open_tasks,
    activity.is_overdue_task::integer as overdue_tasks,
    coalesce(activity.due_day = tenant.as_of_day, false)::integer as due_today,
    greatest(coalesce(tenant.as_of_day - activity.due_day, 0), 0) as days_late
from judge_activity as activity
inner join judge_tenant as tenant on tenant.tenant_id = activity.tenant_id
left join judge_deal as deal on deal.tenant_id = activity.tenant_id and deal.deal_id = activity.deal_id
where activity.is_open
