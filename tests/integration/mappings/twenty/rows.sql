-- Two workspaces with the same ids in both, as nothing keeps them apart but the schema; one that is gone, and none of
-- ours.
create function id_of(name text) returns uuid language sql immutable return md5(name)::uuid;

insert into core.workspace (
    id, "displayName", subdomain, "databaseSchema", "activationStatus", "createdAt", "updatedAt", "deletedAt"
)
values
    (id_of('w1'), 'Яблоко', 'apple', 'workspace_3ixj3i1a5avy16ptijtb3lae3', 'ACTIVE', '2023-01-01Z', '2023-01-02Z',
        null),
    (id_of('w2'), '', 'ycombinator', '', 'SUSPENDED', '2023-01-03Z', '2023-01-03Z', null),
    (id_of('w3'), 'Gone', 'gone', 'workspace_gone', 'INACTIVE', '2023-01-03Z', '2023-01-03Z', '2023-02-01Z'),
    (id_of('w4'), 'Never set up', 'unborn', '', 'INACTIVE', '2023-01-03Z', '2023-01-03Z', null);
-- Before version 1.21 this table alone has the schema of a workspace.
insert into core."dataSource" (id, "workspaceId", schema) values
    (id_of('s1'), id_of('w1'), 'workspace_3ixj3i1a5avy16ptijtb3lae3'),
    (id_of('s2'), id_of('w2'), 'workspace_1wgvd1injqtife6y4rvfbu3h5');

create procedure core.fill_workspace(schema_name text, size integer) language plpgsql as $body$
begin
    execute format('set local search_path to %I, public', schema_name);
    insert into "workspaceMember" (
        id, "nameFirstName", "nameLastName", "userEmail", "userId", "createdAt", "updatedAt", "deletedAt"
    )
    select
        id_of('m' || n), case when n <> 3 then 'Анна' else ' ' end,
        case when n not in (2, 3) then 'Smith ' || n else '' end,
        'member@example.com', id_of('user' || n), timestamptz '2023-02-01Z' + n * interval '1 day', '2023-06-01Z',
        case when n = 4 then timestamptz '2024-06-01Z' end
    from generate_series(1, 6) as n;
    insert into company (id, name, "addressAddressCity", "accountOwnerId", "createdAt", "updatedAt", "deletedAt")
    select
        id_of('co' || n), case when n <> 5 then 'Компания ' || n end, case when n % 3 > 0 then 'Omsk' end,
        case when n % 4 > 0 then id_of('m' || 1 + n % 6) end, timestamptz '2023-03-01Z' + n * interval '1 day',
        timestamptz '2024-01-01Z' + n * interval '20 days', case when n % 9 = 0 then timestamptz '2024-06-01Z' end
    from generate_series(1, 20) as n;
    insert into person (id, "nameFirstName", "emailsPrimaryEmail", "companyId", "createdAt", "updatedAt", "deletedAt")
    select
        id_of('p' || n), 'Пётр', 'person@example.com', case when n % 3 > 0 then id_of('co' || 1 + n % 20) end,
        timestamptz '2023-03-01Z' + n * interval '1 day', '2024-01-01Z',
            case when n % 9 = 0 then timestamptz '2024-06-01Z' end
    from generate_series(1, size / 2) as n;
    insert into opportunity (
        id, name, "amountAmountMicros", "amountCurrencyCode", "closeDate", stage, "companyId", "pointOfContactId",
        "createdByWorkspaceMemberId", "createdAt", "updatedAt", "deletedAt"
    )
    select
        id_of('d' || n), 'Сделка ' || n, case when n % 8 > 0 then n::numeric * 1234567891 end,
        (array['EUR', 'USD', '', null])[1 + n % 4],
        case when n % 6 > 0 then timestamptz '2024-01-31 22:30Z' + n * interval '1 day' end,
        (array['NEW', 'CUSTOMER', 'SCREENING', 'MEETING', 'PROPOSAL', 'CUSTOMER'])[1 + n % 6]::opportunity_stage_enum,
        case when n % 5 > 0 then id_of('co' || 1 + n % 20) end, case when n % 4 > 0 then id_of('p' || n) end,
        case when n % 7 > 0 then id_of('m' || 1 + n % 6) end, timestamptz '2024-01-01 23:00Z' + n * interval '1 day',
        timestamptz '2024-06-01Z' + n * interval '1 minute', case when n % 19 = 0 then timestamptz '2024-07-01Z' end
    from generate_series(1, size) as n;
    -- The timeline: two stages in ten minutes are one row, other changes have none, other objects are not ours.
    insert into "timelineActivity" (
        id, name, properties, "happensAt", "workspaceMemberId", "targetOpportunityId", "updatedAt", "deletedAt"
    )
    select
        id_of('tl' || n || '/' || step), case when step = 3 then 'linked-task.updated' else 'opportunity.updated' end,
        case step
            when 1 then jsonb_build_object('diff', jsonb_build_object('name', '{"after": "x"}'::jsonb))
            when 2 then jsonb_build_object('diff', jsonb_build_object(
                'name', '{"before": "a", "after": "b"}'::jsonb,
                'stage', jsonb_build_object('before', 'NEW', 'after', opportunity.stage)
            ))
            else '{"diff": {"stage": {"before": "NEW", "after": "MEETING"}}}'
        end,
        opportunity."createdAt" + step * interval '3 days', case when n % 5 > 0 then id_of('m1') end, opportunity.id,
        opportunity."createdAt" + step * interval '3 days 5 minutes',
        case when step = 4 then timestamptz '2024-07-01Z' end
    from generate_series(1, size) as n
    join opportunity on opportunity.id = id_of('d' || n)
    cross join generate_series(1, 4) as step
    where n % 6 > 0;
    insert into "timelineActivity" (id, name, properties, "targetCompanyId") values
        (id_of('tl of a company'), 'company.updated', '{"diff": {"stage": {"after": "NEW"}}}', id_of('co1')),
        (id_of('tl of nothing'), 'opportunity.updated', '{"diff": {"stage": {"after": "NEW"}}}', null);
    insert into task (id, title, status, "dueAt", "assigneeId", "createdAt", "updatedAt", "deletedAt")
    select
        id_of('t' || n), 'Задача ' || n,
        (array['TODO', 'IN_PROGRESS', 'DONE', 'DONE', null])[1 + n % 5]::task_status_enum,
        case when n % 3 > 0 then timestamptz '2024-02-01Z' + n * interval '1 day' end,
        case when n % 6 > 0 then id_of('m' || 1 + n % 6) end,
        timestamptz '2024-01-20Z' + n * interval '1 hour', timestamptz '2024-02-20Z' + n * interval '1 day',
        case when n % 17 = 0 then timestamptz '2024-07-01Z' end
    from generate_series(1, size) as n;
    insert into "taskTarget" (id, "taskId", "opportunityId", "companyId", "createdAt", "deletedAt")
    select
        id_of('tt' || n || '/1'), id_of('t' || n), null::uuid, id_of('co1'), timestamptz '2024-01-01Z',
        null::timestamptz
    from generate_series(1, size, 2) as n
    union all
    select id_of('tt' || n || '/2'), id_of('t' || n), id_of('d' || n), null, '2024-01-03Z', null
    from generate_series(1, size, 3) as n
    union all
    select id_of('tt' || n || '/3'), id_of('t' || n), id_of('d1'), null, '2024-01-04Z', null
    from generate_series(1, size, 4) as n
    union all
    select id_of('tt' || n || '/4'), id_of('t' || n), id_of('d2'), null, '2024-01-02Z', '2024-02-02Z'
    from generate_series(1, size, 5) as n;
    insert into "calendarEvent" (id, title, "isCanceled", "startsAt", "endsAt", "createdAt", "updatedAt", "deletedAt")
    select
        id_of('e' || n), 'Встреча ' || n, n % 7 = 0, timestamptz '2024-02-01 20:30Z' + n * interval '1 day',
        case when n % 9 > 0 then timestamptz '2024-02-01 21:15Z' + n * interval '1 day' end,
        timestamptz '2024-01-20Z' + n * interval '1 day', '2024-03-01Z',
        case when n % 10 = 0 then timestamptz '2024-07-01Z' end
    from generate_series(1, 50) as n;
    insert into "calendarEventParticipant" (
        id, "calendarEventId", handle, "isOrganizer", "workspaceMemberId", "createdAt", "deletedAt"
    )
    select
        id_of('ep' || n || '/' || k), id_of('e' || n), 'guest@example.com', k = n % 5,
        case when (n + k) % 3 > 0 then id_of('m' || 1 + (n + k) % 6) end,
        timestamptz '2024-01-20Z' + k * interval '1 second',
        case when n % 4 = k then timestamptz '2024-01-21Z' end
    from generate_series(1, 50) as n, generate_series(1, 3) as k;
end
$body$;
call core.fill_workspace('workspace_3ixj3i1a5avy16ptijtb3lae3', 120);
call core.fill_workspace('workspace_1wgvd1injqtife6y4rvfbu3h5', 60);
set local search_path to public;
