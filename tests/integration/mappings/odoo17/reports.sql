-- A deal is won when it last entered the stage "Won" (4), where that was tracked, else when Odoo says that it was
-- closed.
-- table: sales
with won as (
    select
        coalesce(lead.company_id, team.company_id, owner.company_id, 1) as company_id,
        lead.expected_revenue,
        coalesce(
            (
                select max(message.date)
                from mail_tracking_value as tracking
                    join mail_message as message on message.id = tracking.mail_message_id
                where tracking.field_id = 1 and tracking.new_value_integer = 4 and message.res_id = lead.id
            ),
            lead.date_closed
        ) as closed
    from crm_lead as lead
    left join crm_team as team on team.id = lead.team_id
    left join res_users as owner on owner.id = lead.user_id
    where lead.type = 'opportunity' and lead.stage_id = 4 and lead.active is not false
)
select
    company_id::text,
    date_trunc(
        'month',
        closed at time zone 'UTC'
            at time zone case company_id when 1 then 'Europe/Moscow' else 'America/New_York' end
    )::date as month,
    count(*) as deals,
    coalesce(sum(round(expected_revenue, 2)), 0) as amount
from won
group by 1, 2

-- table: leads
select
    coalesce(lead.company_id, team.company_id, owner.company_id, 1)::text, coalesce(source.name, '(none)') as source,
        count(*) as leads
from crm_lead as lead
left join crm_team as team on team.id = lead.team_id
left join res_users as owner on owner.id = lead.user_id
left join utm_source as source on source.id = lead.source_id
where (lead.type = 'lead' or lead.date_conversion is not null) and not (lead.active is false and lead.probability > 0)
group by 1, 2
