-- Two busy tenants and one without rows of its own; ids are digests of readable names. Users, companies, contacts and
-- deals of an even number belong to the first tenant, those of an odd one to the second.
create function id_of(name text) returns uuid language sql immutable return md5(name)::uuid;

insert into tenants (id, name, is_active, timezone, locale, created_at, updated_at) values
    (id_of('t1'), 'ООО «Ромашка»', true, 'Europe/Moscow', 'ru-RU', '2023-01-01Z', '2024-01-01Z'),
    (id_of('t2'), 'Umbrella', null, 'America/New_York', 'en', '2023-02-01Z', null),
    (id_of('t3'), 'Пустая', false, null, null, '2023-03-01Z', null);

insert into users (
    id, email, username, hashed_password, first_name, last_name, department, is_active, is_superuser, created_at,
        updated_at
)
select
    id_of('u' || n),
    'user' || n || '@example.com',
    case when n <> 9 then 'user' || n end,
    'secret',
    case when n % 2 = 0 then 'Анна' else 'John' end,
    case when n % 2 = 0 then 'Иванова ' || n else 'Smith ' || n end,
    (array['Отдел продаж', 'Sales', null, ''])[1 + n % 4],
    n <> 6,
    n = 5,
    timestamp '2023-01-10' + n * interval '1 day',
    case when n % 3 = 0 then timestamp '2024-05-01' end
from generate_series(1, 12) as n;
update users set first_name = '', last_name = null where id in (id_of('u8'), id_of('u9'));
update users set is_active = null where id = id_of('u10');

insert into tenant_users (id, tenant_id, user_id, role, is_active, joined_at)
select
    id_of('tu' || n),
    id_of('t' || 1 + n % 2),
    id_of('u' || n),
    (array['user', 'manager', 'Director', 'viewer', null])[1 + n % 5],
    n <> 7,
    timestamptz '2023-02-01Z' + n * interval '1 day'
from generate_series(1, 12) as n;
-- Users of two tenants; one that left a tenant and came back in another role; one with two roles; one whose
-- membership has no date.
insert into tenant_users (id, tenant_id, user_id, role, is_active, joined_at) values
    (id_of('tu21'), id_of('t2'), id_of('u2'), 'admin', true, '2023-06-01Z'),
    (id_of('tu22'), id_of('t1'), id_of('u3'), 'user', true, '2023-06-02Z'),
    (id_of('tu23'), id_of('t1'), id_of('u4'), 'owner', false, '2022-01-01Z'),
    (id_of('tu25'), id_of('t1'), id_of('u2'), 'viewer', true, '2024-01-01Z'),
    (id_of('tu24'), id_of('t3'), id_of('u1'), 'user', null, null);

insert into companies (id, tenant_id, owner_id, name, industry, city, is_active, created_at, updated_at)
select
    id_of('co' || n),
    id_of('t' || 1 + n % 2),
    id_of('u' || 2 * (n / 2 % 6) + 2 - n % 2),
    case when n % 2 = 0 then 'АО Компания № ' || n else 'Company "' || n || '"' end,
    case when n % 4 > 0 then 'retail' end,
    case when n % 3 > 0 then 'Казань' end,
    n % 11 > 0,
    timestamp '2023-06-01' + n * interval '5 days 1 hour',
    case when n % 2 = 0 then timestamp '2024-06-01' + n * interval '1 minute' end
from generate_series(1, 40) as n;

insert into contacts (
    id, tenant_id, owner_id, company_id, first_name, last_name, email, phone, contact_type, is_active, source,
        created_at,
    updated_at
)
select
    id_of('c' || n),
    id_of('t' || 1 + n % 2),
    id_of('u' || 2 * (n / 2 % 6) + 2 - n % 2),
    case when n % 3 > 0 then id_of('co' || 2 * (n / 3 % 20) + 2 - n % 2) end,
    'Пётр',
    'Петров ' || n,
    'contact' || n || '@example.com',
    '+7900' || n,
    (array['LEAD', 'LEAD', 'LEAD', 'CUSTOMER', 'PARTNER', 'VENDOR', 'EMPLOYEE'])[1 + n % 7],
    case when n % 13 > 0 then true when n % 2 = 0 then false end,
    (array['Website', 'website ', 'Реклама', null, '', 'Referral'])[1 + n % 6],
    timestamp '2023-12-28 20:30:00.123456' + n * interval '23 hours 7 minutes',
    case when n % 2 = 0 then timestamp '2024-07-01' + n * interval '1 minute' end
from generate_series(1, 240) as n;

insert into opportunities (
    id, tenant_id, owner_id, company_id, contact_id, name, stage, amount, close_date, actual_close_date, is_active,
        is_closed,
    is_won, created_at, updated_at
)
select
    id_of('d' || n),
    id_of('t' || 1 + n % 2),
    id_of('u' || 2 * (n / 2 % 6) + 2 - n % 2),
    case when n % 4 > 0 then id_of('co' || 2 * (n / 3 % 20) + 2 - n % 2) end,
    case when n % 5 > 0 then id_of('c' || 2 * (n * 3 % 120) + 2 - n % 2) end,
    'Сделка / deal ' || n,
    stage,
    case when n % 9 > 0 then (n * 1234.56 % 100000)::numeric(15, 2) end,
    date '2024-01-01' + n,
    -- Won on the last evening of a month; won without a date; lost with one; open with one that is left over.
    case when stage like 'CLOSED%' and n % 10 > 0 or n % 37 = 0 then date '2024-01-31' + n end,
    case when n % 17 > 0 then true when n % 2 = 0 then false end,
    stage like 'CLOSED%',
    stage = 'CLOSED_WON',
    timestamp '2024-01-01 03:00' + n * interval '21 hours',
    case when n % 3 > 0 then timestamp '2024-12-01' + n * interval '1 second' end
from (
    select
        n,
        (array[
            'PROSPECTING', 'CLOSED_WON', 'QUALIFICATION', 'CLOSED_WON', 'PROPOSAL', 'CLOSED_LOST', 'NEGOTIATION',
                'CLOSED_WON'
        ])[1 + n % 8] as stage
    from generate_series(1, 300) as n
) as numbered;
insert into opportunities (
    id, tenant_id, owner_id, contact_id, name, stage, amount, actual_close_date, created_at
) values
    -- Two deals of one lead, one of a partner, one that will be closed in the future, one whose stage was never set.
    (id_of('first'), id_of('t1'), id_of('u2'), id_of('c8'), 'first', 'CLOSED_WON', 100, '2024-03-31', '2024-03-01'),
    (id_of('again'), id_of('t1'), id_of('u2'), id_of('c8'), 'again', 'CLOSED_WON', 0.01, '2024-04-01', '2024-03-02'),
    (id_of('partner'), id_of('t1'), id_of('u2'), id_of('c4'), 'partner', 'PROPOSAL', 5, null, '2024-03-03'),
    (id_of('future'), id_of('t2'), id_of('u2'), null, 'future', 'CLOSED_WON', 9999999999999.99,
        '2099-01-01', '2024-03-04'),
    (id_of('vague'), id_of('t2'), id_of('u2'), null, 'vague', null, null, null, '2024-03-05');

insert into opportunity_activities (
    id, opportunity_id, owner_id, activity_type, subject, scheduled_date, completed_date, duration, status, created_at,
    updated_at
)
select
    id_of('a' || n),
    id_of('d' || 1 + (n * 7) % 300),
    id_of('u' || 2 * (n / 2 % 6) + 1 + n % 2),
    (array['call', 'meeting', 'email', 'task', 'note'])[1 + n % 5],
    'Звонок № ' || n,
    timestamptz '2024-02-01Z' + n * interval '1 day',
    case when n % 3 = 1 and n % 7 > 0 then timestamptz '2024-02-01 20:59:59.999999Z' + n * interval '1 day' end,
    case when n % 2 = 0 then n end,
    (array['pending', 'completed', 'cancelled', null])[case when n % 16 = 0 then 4 else 1 + n % 3 end],
    timestamptz '2024-01-20Z' + n * interval '1 hour',
    case when n % 4 > 0 then timestamptz '2024-12-01Z' + n * interval '1 second' end
from generate_series(1, 360) as n;
