-- Judge of the closed deals, from the tables of prepare.sql.
select
    deal.tenant_id,
    deal.close_day as day,
    date_trunc('month', deal.close_day::timestamp)::date as month,
    deal.department_id,
    deal.department_name,
    deal.manager_id,
    deal.manager_name,
    deal.pipeline_id,
    deal.pipeline_name,
    coalesce(lead_sources.id::text, '(none)') as source_id,
    coalesce(lead_sources.name, '(none)') as source_name,
    deal.is_future,
    count(*) as closed_deals,
    count(*) filter (where deal.outcome = 'won') as won_deals,
    count(*) filter (where deal.outcome = 'lost') as lost_deals,
    coalesce(sum(deal.amount_base) filter (where deal.outcome = 'won'), 0) as won_amount_base,
    coalesce(sum(deal.amount_base) filter (where deal.outcome = 'lost'), 0) as lost_amount_base,
    coalesce(sum(deal.amount_base), 0) as closed_amount_base,
    count(*) filter (where deal.amount is null) as deals_without_amount,
    count(*) filter (where deal.amount is not null and deal.amount_base is null) as deals_without_rate,
    coalesce(sum(cycle.days) filter (where cycle.days >= 0), 0) as cycle_days,
    count(*) filter (where cycle.days >= 0) as cycle_deals,
    count(*) filter (where cycle.days < 0) as negative_cycle_deals,
    coalesce(array_agg(cycle.days) filter (where cycle.days >= 0), '{}') as cycle_days_values
from judge_deal as deal
left join leads on leads.tenant_id = deal.tenant_id and leads.id = deal.lead_id and leads.deleted_at is null
left join lead_sources
    on
        lead_sources.tenant_id = leads.tenant_id
        and lead_sources.id = leads.source_id
        and lead_sources.deleted_at is null
cross join
    lateral (
        select case when deal.outcome = 'won' then deal.close_day - deal.created_day end as days
    ) as cycle
where deal.outcome in ('won', 'lost')
group by
    deal.tenant_id,
    deal.close_day,
    deal.department_id,
    deal.department_name,
    deal.manager_id,
    deal.manager_name,
    deal.pipeline_id,
    deal.pipeline_name,
    lead_sources.id,
    lead_sources.name,
    deal.is_future
