-- table: tenants
select
    id::text as tenant_id,
    name,
    case id when 1 then 'Europe/Moscow' when 2 then 'America/New_York' when 3 then 'UTC' end as timezone,
    case id when 1 then 'RUB' when 2 then 'EUR' when 3 then 'USD' end as currency,
    case id when 1 then 'ru' else 'en' end as locale,
    active as is_active,
    create_date at time zone 'UTC' as created_at,
    coalesce(write_date, create_date) at time zone 'UTC' as updated_at
from res_company

-- table: departments
select
    c.id::text as tenant_id, t.id::text as id,
    case when c.id = 1 and t.id = 1 then 'Продажи' else t.name ->> 'en_US' end as name,
    t.user_id::text as head_user_id, t.create_date at time zone 'UTC' as created_at,
    t.write_date at time zone 'UTC' as updated_at
from res_company as c, crm_team as t
where t.active and coalesce(t.company_id, c.id) = c.id

-- table: users
select
    cid::text as tenant_id, u.id::text as id,
    (select name from res_partner as p where p.id = u.partner_id) as full_name, u.sale_team_id::text as department_id,
    case when u.id in (14, 18) then 'other' else 'manager' end as role, u.active as is_active,
    u.create_date at time zone 'UTC' as created_at, u.write_date at time zone 'UTC' as updated_at
from res_company_users_rel, res_users as u
where u.id = user_id

-- table: pipelines
select
    c.id::text as tenant_id,
    coalesce(t.id::text, 'no-team') as id,
    case
        when t.id is null then 'Without a team'
        when (c.id, t.id) = (1, 1) then 'Продажи'
        else t.name ->> 'en_US'
    end as name,
    coalesce(t.sequence, 2147483647) as position
from res_company as c
cross join (select id, company_id, name, sequence from crm_team union all select null, null, null, null) as t
where coalesce(t.company_id, c.id) = c.id
    or exists (
        select from crm_lead as l
        where l.type = 'opportunity' and l.team_id = t.id
            and coalesce(
                l.company_id, t.company_id, (select u.company_id from res_users as u where u.id = l.user_id), 1
            ) = c.id
    )

-- table: stages
with placed as (
    select
        coalesce(
            l.company_id,
            (select t.company_id from crm_team as t where t.id = l.team_id),
            (select u.company_id from res_users as u where u.id = l.user_id),
            1
        ) as company_id,
        coalesce(l.team_id, 0) as team_id,
        l.stage_id
    from crm_lead as l
    where l.type = 'opportunity'
),
pipeline as (
    select c.id as company_id, t.id as team_id
    from res_company as c, (select id, company_id from crm_team union all select 0, null) as t
    where coalesce(t.company_id, c.id) = c.id or (c.id, t.id) in (select company_id, team_id from placed)
)
select
    p.company_id::text as tenant_id,
    case p.team_id when 0 then 'no-team' else p.team_id::text end as pipeline_id,
    s.id::text as id,
    case when p.company_id = 1 and s.name ? 'ru_RU' then s.name ->> 'ru_RU' else s.name ->> 'en_US' end as name,
    rank() over (partition by p.company_id, p.team_id order by s.sequence, s.id) as position,
    case s.id when 4 then 'won' else 'open' end as outcome
from pipeline as p, crm_stage as s
where coalesce(s.team_id, p.team_id) = p.team_id
    or (p.company_id, p.team_id, s.id) in (select company_id, team_id, stage_id from placed)
union all
select
    company_id::text, case team_id when 0 then 'no-team' else team_id::text end, 'lost',
    case company_id when 1 then 'Проиграно' else 'Lost' end, 2147483647, 'lost'
from pipeline
union all
select distinct
    company_id::text, case team_id when 0 then 'no-team' else team_id::text end, 'no-stage',
    case company_id when 1 then 'Без этапа' else 'Without a stage' end, 0, 'open'
from placed
where stage_id is null

-- table: lead_sources
select
    c.id::text as tenant_id, s.id::text as id, s.name, s.create_date at time zone 'UTC' as created_at,
    s.write_date at time zone 'UTC' as updated_at
from res_company as c, utm_source as s

-- table: companies
select
    c.id::text as tenant_id, p.id::text as id, coalesce(p.name, p.id::text) as name,
    case
        when p.industry_id = 1 then case c.id when 1 then 'Торговля' else 'Retail' end
        when p.industry_id = 2 then 'Mining'
    end as industry,
    p.city, p.user_id::text as owner_user_id, p.create_date at time zone 'UTC' as created_at,
    p.write_date at time zone 'UTC' as updated_at
from res_company as c, res_partner as p
where p.is_company and p.active and coalesce(p.company_id, c.id) = c.id

-- table: contacts
select
    c.id::text as tenant_id, p.id::text as id, p.parent_id::text as company_id,
    p.create_date at time zone 'UTC' as created_at, p.write_date at time zone 'UTC' as updated_at
from res_company as c, res_partner as p
where p.is_company is not true and p.active and coalesce(p.company_id, c.id) = c.id

-- table: leads
select
    coalesce(
        l.company_id,
        (select t.company_id from crm_team as t where t.id = l.team_id),
        (select u.company_id from res_users as u where u.id = l.user_id),
        1
    )::text as tenant_id,
    l.id::text as id, l.source_id::text as source_id,
    case
        when l.type <> 'lead' then 'converted'
        when l.active is false then 'lost'
        else 'open'
    end as status,
    l.user_id::text as owner_user_id,
    (select p.commercial_partner_id::text from res_partner as p where p.id = l.partner_id) as company_id,
    l.partner_id::text as contact_id, false as is_duplicate, l.date_conversion at time zone 'UTC' as converted_at,
    l.create_date at time zone 'UTC' as created_at, l.write_date at time zone 'UTC' as updated_at
from crm_lead as l
where (l.type = 'lead' or l.date_conversion is not null) and (l.active is not false or l.probability = 0)

-- table: deals
select
    coalesce(
        l.company_id,
        (select t.company_id from crm_team as t where t.id = l.team_id),
        (select u.company_id from res_users as u where u.id = l.user_id),
        1
    )::text as tenant_id,
    l.id::text as id, l.name as title, coalesce(l.team_id::text, 'no-team') as pipeline_id,
    case
        when l.active is false then 'lost' when l.stage_id is null then 'no-stage' else l.stage_id::text
    end as stage_id,
    l.user_id::text as owner_user_id,
    (select p.commercial_partner_id::text from res_partner as p where p.id = l.partner_id) as company_id,
    l.partner_id::text as contact_id,
    case when l.date_conversion is null then null else l.id::text end as lead_id,
    round(l.expected_revenue, 2) as amount,
    (
        select r.name from res_company as c, res_currency as r
        where r.id = c.currency_id and c.id = coalesce(
            l.company_id,
            (select t.company_id from crm_team as t where t.id = l.team_id),
            (select u.company_id from res_users as u where u.id = l.user_id),
            1
        )
    ) as currency,
    l.date_deadline as expected_close_on, l.date_closed at time zone 'UTC' as closed_at,
    coalesce(l.date_conversion, l.create_date) at time zone 'UTC' as created_at,
    l.write_date at time zone 'UTC' as updated_at
from crm_lead as l
where l.type = 'opportunity' and (l.active is not false or l.probability = 0)

-- table: deal_stage_history
with tracked as (
    select
        v.id, f.name as field, m.res_id, m.date, m.write_date, m.author_id,
        nullif(v.old_value_integer, 0) as old_value, nullif(v.new_value_integer, 0) as new_value
    from mail_tracking_value as v
    join mail_message as m on m.id = v.mail_message_id
    join ir_model_fields as f on f.id = v.field_id
    where f.model = 'crm.lead' and f.name in ('active', 'stage_id')
),
placed as (
    select
        tracked.*,
        l.team_id,
        l.write_date as deal_write_date,
        coalesce(
            l.company_id,
            (select t.company_id from crm_team as t where t.id = l.team_id),
            (select u.company_id from res_users as u where u.id = l.user_id),
            1
        ) as company_id,
        coalesce(
            (
                select e.new_value from tracked as e
                where e.res_id = tracked.res_id and e.field = 'stage_id' and (e.date, e.id) < (tracked.date, tracked.id)
                order by e.date desc, e.id desc limit 1
            ),
            (
                select e.old_value from tracked as e
                where e.res_id = tracked.res_id and e.field = 'stage_id' and (e.date, e.id) > (tracked.date, tracked.id)
                order by e.date, e.id limit 1
            ),
            l.stage_id
        )::text as stage_then
    from tracked, crm_lead as l
    where l.id = tracked.res_id
)
select
    company_id::text as tenant_id, id::text as id, res_id::text as deal_id,
    coalesce(team_id::text, 'no-team') as pipeline_id,
    case
        when field = 'stage_id' then old_value::text when new_value is null then stage_then else 'lost'
    end as from_stage_id,
    case
        when field = 'stage_id' then new_value::text when new_value is null then 'lost'
        else coalesce(stage_then, 'no-stage')
    end as stage_id,
    (select u.id::text from res_users as u where u.partner_id = author_id) as user_id,
    date at time zone 'UTC' as changed_at,
    case when deal_write_date > write_date then deal_write_date else write_date end at time zone 'UTC' as updated_at
from placed

-- table: deal_owner_history
select
    coalesce(
        l.company_id,
        (select t.company_id from crm_team as t where t.id = l.team_id),
        (select u.company_id from res_users as u where u.id = l.user_id),
        1
    )::text as tenant_id,
    v.id::text as id, m.res_id::text as deal_id,
    case when v.old_value_integer > 0 then v.old_value_integer::text end as from_owner_user_id,
    case when v.new_value_integer > 0 then v.new_value_integer::text end as owner_user_id,
    m.date at time zone 'UTC' as changed_at, m.write_date at time zone 'UTC' as updated_at
from mail_tracking_value as v, mail_message as m, crm_lead as l
where m.id = v.mail_message_id and v.field_id = 3 and l.id = m.res_id

-- table: activities
select
    coalesce(
        l.company_id,
        (select t.company_id from crm_team as t where t.id = l.team_id),
        (select u.company_id from res_users as u where u.id = l.user_id),
        1
    )::text as tenant_id,
    a.id,
    case a.type_id when 1 then 'email' when 2 then 'call' when 3 then 'meeting' else 'task' end as activity_type,
    a.status, a.subject, a.user_id::text as assignee_user_id,
    case l.type when 'opportunity' then l.id::text end as deal_id,
    case when l.type = 'lead' or l.date_conversion is not null then l.id::text end as lead_id,
    (select p.commercial_partner_id::text from res_partner as p where p.id = l.partner_id) as company_id,
    (a.deadline + 1)::timestamp at time zone (
        case coalesce(
            l.company_id,
            (select t.company_id from crm_team as t where t.id = l.team_id),
            (select u.company_id from res_users as u where u.id = l.user_id),
            1
        ) when 1 then 'Europe/Moscow' else 'America/New_York' end
    ) - interval '1 second' as due_at,
    a.done at time zone 'UTC' as completed_at, a.create_date at time zone 'UTC' as created_at,
    case
        when a.write_date is null or l.write_date > a.write_date then l.write_date else a.write_date
    end at time zone 'UTC' as updated_at
from (
    select
        'activity-' || id as id, res_id, activity_type_id as type_id, 'open' as status, summary as subject, user_id,
        date_deadline as deadline, null::timestamp as done, create_date, write_date
    from mail_activity where res_model = 'crm.lead' and active is not false
    union all
    select
        'message-' || m.id, m.res_id, m.mail_activity_type_id, 'completed', m.subject, u.id, null, m.date,
            m.create_date,
        m.write_date
    from mail_message as m left join res_users as u on u.partner_id = m.author_id
    where m.model = 'crm.lead' and m.mail_activity_type_id > 0
) as a
join crm_lead as l on l.id = a.res_id

-- table: exchange_rates
select
    c.id::text as tenant_id,
    f.name as currency,
    day.name as rate_on,
    round(
        case
            when c.currency_id = 1 then 1
            else coalesce(
                (
                    select b.rate from res_currency_rate as b
                    where b.currency_id = c.currency_id and b.name <= day.name order by b.name desc limit 1
                ),
                1
            )
        end / day.rate,
        10
    ) as rate,
    day.write_date at time zone 'UTC' as updated_at
from res_company as c
join res_currency as f on f.id <> c.currency_id
join res_currency_rate as day on day.currency_id = f.id and coalesce(day.company_id, c.id) = c.id
where day.rate > 0
    and not (c.id = 2 and day.name = '2024-01-08' and day.currency_id = 2 and day.company_id is null)
