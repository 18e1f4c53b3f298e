-- Fills `deals` of the demo CRM (deploy/demo_crm/schema.sql), the same rows every time: values depend on the id only.
-- Ids and creation dates rise together, as in a table that grew over five years. Nothing lies beyond what every
-- contender can hold (no infinite dates, no NaN), so that the copies can be compared.
insert into deals
select
    n,
    (array['volga', 'volga', 'volga', 'hudson', 'hudson', 'alatau'])[1 + a % 6],
    case
        when a % 1000 = 1 then null
        when a % 1000 = 2 then '\N'
        when a % 1000 = 3 then e'Ремонт\tи\nнастройка \\ «под ключ»'
        when a % 1000 = 4 then ' "Кавычки", запятая; пробел в конце '
        else
            (array['Поставка', 'Внедрение', 'Обслуживание', 'Renewal', 'Лицензии', 'Аудит', 'Consulting', 'Доставка'])[
                1 + b % 8
            ]
            || ' № ' || n || ', '
            || (array['ООО «Ромашка»', 'АО «Северный ветер»', 'Hudson Supplies Inc.', 'ТОО «Алатау»', 'ИП Ёлкина'])[1 + c % 5]
    end,
    1 + a % 4,
    (array['new', 'qualified', 'proposal', 'negotiation', 'won', 'lost'])[1 + b % 6],
    case when a % 50 = 0 then null else 1 + c % 400 end,
    case when b % 20 = 0 then null else 1 + a % 200000 end,
    case when c % 5 = 0 then null else 1 + b % 300000 end,
    case when a % 5 < 2 then null else n * 2 end,
    case when b % 25 = 0 then null else (c % 250000000)::numeric / 100 end,
    (array['RUB', 'RUB', 'RUB', 'USD', 'USD', 'KZT'])[1 + a % 6],
    case when c % 10 = 0 then null else date '2021-01-01' + (n * 1826 / :rows)::integer + (a % 120)::integer end,
    case when b % 6 in (4, 5) then created_at + (c % 7776000) * interval '1 second' end,
    created_at,
    created_at + (c % 7776000) * interval '1 second' + (b % 1000) * interval '1 millisecond',
    case when c % 100 = 0 then created_at + (a % 7776000) * interval '1 second' end
from (
    select
        n,
        hashint8extended(n, 1) & 2147483647 as a,
        hashint8extended(n, 2) & 2147483647 as b,
        hashint8extended(n, 3) & 2147483647 as c,
        timestamptz '2021-01-01 00:00:00+00' + (n * 157766399 / :rows) * interval '1 second'
            + (n % 1000000) * interval '1 microsecond' as created_at
    from generate_series(1::bigint, :rows) as n
    offset 0
) as generated;
