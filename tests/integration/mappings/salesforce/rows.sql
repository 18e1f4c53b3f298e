-- One organisation. Ids begin with the object's prefix, as in Salesforce.
create function sf(prefix text, n integer) returns varchar language sql immutable
return prefix || lpad(n::text, 15, '0');
set local search_path to salesforce, public;

insert into "user" (sfid, name, email, department, usertype, isactive, createddate, systemmodstamp, isdeleted)
select
    sf('005', n), (array['Анна Иванова ', 'John Smith '])[1 + n % 2] || n, 'user' || n || '@example.com',
    (array['Продажи', 'Sales', '', null])[1 + n % 4],
    (array['Standard', 'Standard', 'PowerPartner', 'AutomatedProcess', null])[1 + n % 5],
    case when n <> 4 then n <> 3 end, timestamp '2023-01-01' + n * interval '1 day', timestamp '2023-06-01', false
from generate_series(1, 10) as n;

insert into account (sfid, name, industry, billingcity, ownerid, createddate, systemmodstamp, isdeleted)
select
    sf('001', n), 'ПАО «Счёт» ' || n, case when n % 3 > 0 then 'Banking' end, case when n % 4 > 0 then 'Уфа' end,
    sf('005', 1 + n % 10), timestamp '2023-05-01' + n * interval '1 day',
        timestamp '2024-05-01' + n * interval '1 minute', n % 10 = 0
from generate_series(1, 30) as n;

insert into contact (sfid, accountid, name, email, createddate, systemmodstamp, isdeleted)
select
    case when n <> 7 then sf('003', n) end, case when n % 3 > 0 then sf('001', 1 + n % 30) end, 'Пётр', 'c@example.com',
    timestamp '2023-05-01' + n * interval '1 day', timestamp '2024-05-01' + n * interval '1 minute', n % 10 = 0
from generate_series(1, 60) as n;

insert into opportunitystage (
    sfid, apiname, masterlabel, sortorder, isactive, isclosed, iswon, defaultprobability, createddate, systemmodstamp
) values
    (sf('01J', 1), 'Prospecting', 'Поиск', 1, true, false, false, 10, '2023-01-01', '2023-01-01'),
    (sf('01J', 2), 'Proposal', 'Предложение', 5, true, false, false, 66.6, '2023-01-01', '2023-01-01'),
    (sf('01J', 3), 'Old stage', 'Old stage', 6, false, false, false, 70, '2023-01-01', '2023-01-01'),
    (sf('01J', 4), 'Closed Won', 'Выиграно', 9, true, true, true, 100, '2023-01-01', '2023-01-01'),
    (sf('01J', 5), 'Renewed', 'Продлено', 10, true, true, true, 100, '2023-01-01', '2023-01-01'),
    (sf('01J', 6), 'Closed Lost', 'Потеряно', 11, true, true, false, 0, '2023-01-01', '2023-01-01');

insert into opportunity (
    sfid, name, stagename, amount, closedate, isclosed, iswon, ownerid, accountid, contactid, createddate,
        systemmodstamp, isdeleted
)
select
    case when n <> 50 then sf('006', n) end,
    'Возможность / opportunity ' || n,
    stage, case when n % 9 > 0 then n * 1234.565 end, date '2024-01-31' + n, stage ~ 'Closed|Renewed',
        stage ~ 'Won|Renewed',
    sf('005', 1 + n % 10), case when n % 4 > 0 then sf('001', 1 + n % 30) end,
    case when n % 5 > 0 then sf('003', 1 + n % 60) end,
    timestamp '2024-01-01 22:00' + n * interval '1 day', timestamp '2024-12-01' + n * interval '1 minute',
    case when n % 19 > 0 then false when n % 2 = 0 then true end
from (
    select
        n,
        (array['Prospecting', 'Closed Won', 'Proposal', 'Closed Lost', 'Renewed', 'Closed Won', 'Old stage'])[1 + n % 7]
            as stage
    from generate_series(1, 210) as n
) as numbered;

-- Every third lead is converted, some without a deal; two into one deal, of which one is deleted; one into an older
-- deal.
insert into lead (
    sfid, name, email, leadsource, status, ownerid, isconverted, converteddate, convertedaccountid, convertedcontactid,
    convertedopportunityid, createddate, systemmodstamp, isdeleted
)
select
    case when n <> 20 then sf('00Q', n) end, 'Лид ' || n, 'lead@example.com',
    (array['Web', 'web ', 'Выставка', '', null])[1 + n % 5], case when n % 8 > 0 then 'Open - Not Contacted' end,
    case when n % 6 > 0 then sf('005', 1 + n % 10) else sf('00G', 1) end,
    n % 3 = 0, case when n % 3 = 0 then date '2024-02-01' + n end, case when n % 3 = 0 then sf('001', 1 + n % 30) end,
    case when n % 3 = 0 then sf('003', 1 + n % 60) end, case when n % 3 = 0 and n % 4 > 0 then sf('006', n) end,
    timestamp '2024-01-01 21:59:59' + n * interval '1 day', timestamp '2024-12-01' + n * interval '1 minute', n % 16 = 0
from generate_series(1, 180) as n;
insert into lead (sfid, leadsource, status, convertedopportunityid, createddate, systemmodstamp, isdeleted) values
    (sf('00Q', 901), 'Web', 'Closed', sf('006', 9), '2023-12-01', '2024-12-02', false),
    (sf('00Q', 902), 'Web', 'Closed', sf('006', 15), '2023-11-01', '2024-12-02', true),
    (sf('00Q', 903), 'Late', 'Closed', sf('006', 1), '2024-11-01', '2024-12-02', false);

insert into opportunityhistory (
    sfid, opportunityid, stagename, amount, createdbyid, createddate, systemmodstamp, isdeleted
)
select sf('008', 10 * n), sf('006', n), 'Prospecting', 1, sf('005', 1), o.createddate,
    o.createddate + interval '2 days', false
from generate_series(1, 210) as n join opportunity as o on o.sfid = sf('006', n)
where n % 6 > 0
union all
select sf('008', 10 * n + 1), sf('006', n), 'Prospecting', 2, sf('005', 2), o.createddate + interval '2 days',
    o.createddate + interval '9 days', false
from generate_series(1, 210) as n join opportunity as o on o.sfid = sf('006', n)
where n % 12 > 6
union all
select sf('008', 10 * n + 2), sf('006', n), o.stagename, 2, sf('005', 2), o.createddate + interval '9 days 30 minutes',
    o.createddate + interval '9 days 30 minutes', n % 19 = 0
from generate_series(1, 210) as n join opportunity as o on o.sfid = sf('006', n)
where n % 6 > 0;

insert into opportunityfieldhistory (sfid, opportunityid, field, oldvalue, newvalue, createddate, isdeleted)
select sf('017', 10 * n + k), sf('006', n), field, oldvalue, newvalue, timestamp '2024-06-01' + n * interval '1 hour',
    n = 12
from generate_series(2, 210, 5) as n, (values
    (1, 'created', null, null), (2, 'Owner', 'Анна', 'John'), (3, 'Owner', sf('005', 4), sf('005', 3)),
    (4, 'StageName', 'Prospecting', 'Proposal'), (5, 'OwnerId', sf('005', 3), sf('005', 5))
) as change (k, field, oldvalue, newvalue);

insert into task (
    sfid, subject, tasksubtype, status, isclosed, activitydate, completeddatetime, calldurationinseconds, ownerid,
        whatid, whoid,
    accountid, isrecurrence, createddate, systemmodstamp, isdeleted
)
select
    case when n <> 33 then sf('00T', n) end, 'Звонок ' || n,
    (array['Task', 'Call', 'Email', 'ListEmail', 'Cadence', null])[1 + n % 6],
    (array['Completed', 'Not Started', 'Deferred', 'In Progress'])[1 + n % 4], n % 4 = 0,
    case when n % 5 > 0 then date '2024-03-01' + n end,
    case when n % 4 = 0 and n % 12 > 0 then timestamp '2024-03-01 21:00' + n * interval '1 day' end,
    case when n % 6 = 1 then n * 7 end, sf('005', 1 + n % 10),
    (array[sf('006', n), sf('001', 1), null])[1 + n % 3], (array[sf('00Q', n), sf('003', 1), null])[1 + n % 3],
    case when n % 2 = 0 then sf('001', 1 + n % 30) end, case when n % 14 > 0 then n % 13 = 0 end,
    timestamp '2024-02-20' + n * interval '1 hour', timestamp '2024-12-01' + n * interval '1 minute', n % 21 = 0
from generate_series(1, 200) as n;

insert into event (
    sfid, subject, startdatetime, enddatetime, durationinminutes, ownerid, whatid, whoid, accountid, isrecurrence,
        ischild,
    createddate, systemmodstamp, isdeleted
)
select
    sf('00U', n), 'Встреча ' || n, timestamp '2024-03-01 20:30' + n * interval '1 day',
    case when n % 5 > 0 then timestamp '2024-03-01 21:15' + n * interval '1 day' end, 45, sf('005', 1 + n % 10),
    (array[sf('006', n), sf('001', 1), null])[1 + n % 3], (array[sf('00Q', n), sf('003', 1), null])[1 + n % 3],
    null, n % 17 = 0, n % 11 = 0, timestamp '2024-02-20' + n * interval '1 hour',
        timestamp '2024-12-01' + n * interval '1 minute',
    n % 23 = 0
from generate_series(1, 80) as n;
