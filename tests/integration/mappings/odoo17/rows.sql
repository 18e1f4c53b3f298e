-- Two companies at work and a closed one without a calendar; some rows belong to no company, or to two at odds.
insert into res_currency (id, name, symbol, active) values (1, 'EUR', '€', true), (2, 'USD', '$', true),
    (3, 'RUB', '₽', true);
-- Units for one euro; the second company has a dollar of its own on one day.
insert into res_currency_rate (name, rate, currency_id, company_id, write_date)
select day, 1.05 + (day - date '2024-01-01') * 0.0003, 2, null::integer, day + interval '6 hours'
from generate_series(date '2024-01-01', date '2024-03-01', '7 days') as series (moment), date(moment) as day
union all
select day, 95 + (day - date '2024-01-01') * 0.1, 3, null, null
from generate_series(date '2024-01-03', date '2024-03-01', '9 days') as series (moment), date(moment) as day
union all values (date '2024-01-08', 1.5, 2, 2, timestamp '2024-01-09'), (date '2024-02-02', 0, 2, null, null);

insert into resource_calendar (id, name, tz) values (1, 'Стандартный', 'Europe/Moscow'),
    (2, 'Standard', 'America/New_York');
insert into res_partner_industry (id, name) values
    (1, '{"en_US": "Retail", "ru_RU": "Торговля"}'), (2, '{"en_US": "Mining"}');

insert into res_partner (id, name, lang, is_company, active, create_date, write_date) values
    (1, 'ООО «Одуванчик»', 'ru_RU', true, true, '2023-01-01', '2023-01-01'),
    (2, 'Acme', 'en_US', true, true, '2023-01-01', null),
    (3, 'Closed', null, true, false, '2023-01-01', null);
insert into res_company (
    id, name, partner_id, currency_id, resource_calendar_id, active, create_date, write_date
) values
    (1, 'ООО «Одуванчик»', 1, 3, 1, true, '2023-01-01', '2023-05-01'),
    (2, 'Acme', 2, 1, 2, true, '2023-01-02', null),
    (3, 'Closed', 3, 2, null, false, '2023-01-03', null);

insert into crm_team (id, name, company_id, user_id, sequence, active, create_date) values
    (1, '{"en_US": "Sales", "ru_RU": "Продажи"}', null, 11, 10, true, '2023-01-01'),
    (2, '{"en_US": "Online"}', 1, null, 20, true, '2023-01-01'),
    (3, '{"en_US": "Website"}', 2, 13, null, false, '2023-01-01');

-- Persons of users, then clients and their persons; every seventh belongs to one company, the others to all.
insert into res_partner (id, name, is_company, active, create_date, write_date)
select 10 + n, (array['Анна ', 'John '])[1 + n % 2] || n, false, true, '2023-01-05', '2023-01-05'
    from generate_series(1, 9) as n;
insert into res_users (
    id, login, password, partner_id, company_id, sale_team_id, share, active, create_date, write_date
)
select
    10 + n, 'user' || n, 'secret', 10 + n, 1 + n % 2, case when n not in (4, 8) then 1 + n % 3 end, n = 8,
    case when n <> 5 then true when n = 5 then false end, timestamp '2023-02-01' + n * interval '1 day', null
from generate_series(1, 9) as n;
insert into res_company_users_rel (cid, user_id) select company_id, id from res_users union values (1, 11), (2, 12);
insert into res_partner (
    id, name, company_id, parent_id, user_id, industry_id, lang, email, phone, city, is_company, active, create_date,
        write_date
)
select
    100 + n,
    case when n <> 33 then (case when n % 3 = 0 then 'АО Клиент ' else 'Пётр ' end) || n end,
    case when n % 7 = 0 then 1 + n % 2 end,
    case when n % 3 = 1 and n > 3 then 100 + n - 1 end,
    case when n % 4 = 0 then 10 + 1 + n % 9 end,
    case when n % 6 = 0 then 1 + n % 12 / 6 end,
    null, 'client' || n || '@example.com', '+7900' || n,
    case when n % 5 > 0 then 'Пермь' end,
    n % 3 = 0,
    n % 20 > 0,
    timestamp '2023-03-01' + n * interval '1 day',
    case when n % 2 = 0 then timestamp '2024-03-01' + n * interval '1 minute' end
from generate_series(1, 90) as n;
update res_partner set commercial_partner_id = coalesce(parent_id, id);
update res_partner set is_company = null where id = 104;

insert into crm_stage (id, name, sequence, team_id, is_won) values
    (1, '{"en_US": "New", "ru_RU": "Новое"}', 1, null, null),
    (2, '{"en_US": "Qualified"}', 2, null, false),
    (3, '{"en_US": "Proposition"}', 3, null, false),
    (4, '{"en_US": "Won", "ru_RU": "Выиграно"}', 70, null, true),
    (5, '{"en_US": "Demo"}', 2, 3, false);
insert into utm_source (id, name, create_date) values
    (1, 'Сайт', '2023-01-01'), (2, 'Newsletter', '2023-01-01'),
    (3, 'Referral', null);

-- 320 leads and deals: every fourth is a lead still, every sixth deal was one; lost and archived ones; some of no
-- company.
insert into crm_lead (
    id, name, type, company_id, team_id, user_id, partner_id, stage_id, source_id, contact_name, email_from,
    probability, expected_revenue, date_deadline, date_closed, date_conversion, active, create_date, write_date
)
select
    n,
    'Интерес / interest ' || n,
    case when n % 4 = 0 then 'lead' else 'opportunity' end,
    case when n % 11 > 0 then 1 + n % 2 end,
    case when n % 7 > 0 then 1 + n % 3 end,
    case when n % 5 > 0 then 12 + 2 * (n / 3 % 4) - n % 2 end,
    case when n % 3 > 0 then 101 + n % 90 end,
    stage_id,
    case when n % 8 > 0 then 1 + n % 3 end,
    'Пётр', 'lead' || n || '@example.com',
    case when stage_id = 4 then 100 when is_lost then 0 else 40 end,
    case when n % 9 > 0 then n * 1234.565 % 100000 end,
    date '2024-02-01' + n,
    case
        when n % 23 > 0 and (stage_id = 4 or is_lost) then timestamp '2024-02-01 20:45:00.5' + n * interval '1 day'
    end,
    case when n % 4 > 0 and n % 6 = 1 then timestamp '2024-01-05 12:00' + n * interval '1 day' end,
    case when is_lost or n % 31 = 0 then false when n % 29 > 0 then true end,
    timestamp '2024-01-01 21:30' + n * interval '1 day',
    case when n % 2 = 0 then timestamp '2024-12-01' + n * interval '1 minute' end
from (
    select
        n,
        case when n % 4 = 0 then 1 when n % 5 = 0 then 4 when n % 41 = 0 then null else 1 + n % 4 end as stage_id,
        n % 9 = 2 and n % 5 > 0 and n % 4 <> 3 as is_lost
    from generate_series(1, 320) as n
) as numbered;
-- What only tells itself through its history: lost and regained without a change of stage, before one, and between two.
insert into crm_lead (
    id, name, type, company_id, team_id, user_id, stage_id, probability, expected_revenue, date_closed, active,
    create_date
) values
    (401, 'only lost and back', 'opportunity', 1, 1, 11, 2, 40, 10, null, true, '2024-03-01'),
    (402, 'lost, back, won', 'opportunity', 1, 2, 11, 4, 100, 20, '2024-03-31 21:00', true, '2024-03-01'),
    (403, 'moved, lost', 'opportunity', 2, null, null, 3, 0, 30, '2024-03-20', false, '2024-03-01'),
    (404, 'won, lost, won again', 'opportunity', 2, 1, 12, 4, 100, 40.005, '2024-05-01 03:59', true, '2024-03-01'),
    (405, 'stage of another team', 'opportunity', 1, 2, 12, 5, 40, 50, null, true, '2024-03-01');

insert into ir_model_fields (id, model, name) values
    (1, 'crm.lead', 'stage_id'), (2, 'crm.lead', 'active'), (3, 'crm.lead', 'user_id'), (4, 'crm.lead', 'name'),
    (5, 'res.partner', 'user_id'), (6, 'res.partner', 'active');
insert into mail_activity_type (id, name, category) values
    (1, '{"en_US": "Email"}', 'default'), (2, '{"en_US": "Call"}', 'phonecall'), (3, '{"en_US": "Meeting"}', 'meeting'),
    (4, '{"en_US": "To-Do"}', 'default'), (5, '{"en_US": "Upload"}', 'upload_file'), (6, '{"en_US": "Other"}', null);
insert into ir_model_data (module, name, model, res_id) values
    ('mail', 'mail_activity_data_email', 'mail.activity.type', 1),
    ('mail', 'mail_activity_data_call', 'mail.activity.type', 2),
    ('sale', 'mail_activity_data_email', 'mail.activity.type', 4);

-- Tracked changes, but of no imported row (every tenth); a message may hold several, and one is about another model.
insert into mail_message (id, model, res_id, message_type, author_id, date, create_date, write_date)
select 10 * lead.id + step, 'crm.lead', lead.id, 'notification',
    case when lead.id % 3 > 0 then 11 + lead.id % 9 end,
    lead.create_date + step * interval '30 hours', lead.create_date + step * interval '30 hours',
    lead.create_date + step * interval '30 hours'
from crm_lead as lead, generate_series(1, 3) as step
where lead.id <= 320;
insert into mail_tracking_value (id, field_id, mail_message_id, old_value_integer, new_value_integer)
select 100 * lead.id + 1, 1, 10 * lead.id + 1, 1, 2 from crm_lead as lead
where lead.id <= 320 and lead.stage_id in (3, 4) and lead.id % 10 > 0
union all
select 100 * lead.id + 2, 1, 10 * lead.id + 2, 2, lead.stage_id
from crm_lead as lead where lead.id <= 320 and lead.stage_id in (3, 4) and lead.id % 10 > 0
union all
select 100 * lead.id + 3, 3, 10 * lead.id + 2, case when lead.id % 2 = 0 then 0 else 12 end, coalesce(lead.user_id, 0)
from crm_lead as lead where lead.id <= 320 and lead.id % 3 = 0
union all
select 100 * lead.id + 4, 2, 10 * lead.id + 3, 1, 0
from crm_lead as lead where lead.id <= 320 and not lead.active
union all
select 100 * lead.id + 5, 4, 10 * lead.id + 1, null::integer, null::integer from crm_lead as lead
    where lead.id <= 320 and lead.id % 5 = 0;
insert into mail_message (id, model, res_id, message_type, author_id, date, create_date, write_date)
select id, case when id = 4099 then 'res.partner' else 'crm.lead' end, id / 10, 'notification', 11, at, at, at
from (values
    (4011, timestamp '2024-03-02'), (4012, '2024-03-03'), (4021, '2024-03-02'), (4022, '2024-03-03'),
    (4023, '2024-03-31 21:00'),
    (4031, '2024-03-02'), (4032, '2024-03-20'), (4041, '2024-03-02'), (4042, '2024-03-03'), (4043, '2024-03-04'),
    (4044, '2024-05-01 03:59'), (4099, '2024-03-01')
) as message (id, at);
insert into mail_tracking_value (id, field_id, mail_message_id, old_value_integer, new_value_integer) values
    (40101, 2, 4011, 1, 0), (40102, 2, 4012, 0, 1),
    (40201, 2, 4021, 1, 0), (40202, 2, 4022, 0, 1), (40203, 1, 4023, 3, 4),
    (40301, 1, 4031, 1, 3), (40302, 2, 4032, 1, 0),
    (40401, 1, 4041, 1, 4), (40402, 2, 4042, 1, 0), (40403, 2, 4043, 0, 1), (40404, 1, 4043, 4, 3),
    (40405, 1, 4044, 3, 4),
    (40901, 6, 4099, 1, 0), (40902, null, 4011, 1, 0);

insert into mail_activity (
    id, res_model, res_id, activity_type_id, user_id, summary, date_deadline, active, create_date, write_date
)
select
    n,
    case when n % 12 > 0 then 'crm.lead' else 'res.partner' end,
    1 + (n * 3) % 320,
    case when n % 13 > 0 then 1 + n % 6 end,
    11 + n % 9,
    case when n % 4 > 0 then 'Позвонить ' || n end,
    date '2024-03-01' + n,
    case when n % 10 > 0 then true when n % 20 = 0 then false end,
    timestamp '2024-02-20' + n * interval '1 hour',
    case when n % 2 = 0 then timestamp '2024-12-01' + n * interval '1 minute' end
from generate_series(1, 120) as n;
insert into mail_message (
    id, model, res_id, message_type, subject, body, author_id, mail_activity_type_id, date, create_date, write_date
)
select
    5000 + n,
    case when n % 15 > 0 then 'crm.lead' else 'res.partner' end,
    1 + (n * 7) % 320,
    'notification',
    null,
    'Текст',
    case when n % 11 > 0 then 11 + n % 9 else 150 end,
    case when n % 14 > 0 then 1 + n % 6 end,
    timestamp '2024-03-01 20:59:59.999999' + n * interval '1 day',
    timestamp '2024-03-01 20:59:59.999999' + n * interval '1 day',
    timestamp '2024-03-02' + n * interval '1 day'
from generate_series(1, 240) as n;
