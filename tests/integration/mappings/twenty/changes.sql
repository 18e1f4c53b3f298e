-- A day at work in the first workspace.
set local search_path to workspace_3ixj3i1a5avy16ptijtb3lae3, public;

-- Won, with its timeline; reopened; deleted; restored; a value of this workspace alone.
update opportunity set stage = 'CUSTOMER', "updatedAt" = now() where id = id_of('d2');
insert into "timelineActivity" (id, name, properties, "workspaceMemberId", "targetOpportunityId") values
    (id_of('new tl'), 'opportunity.updated', '{"diff": {"stage": {"before": "SCREENING", "after": "CUSTOMER"}}}',
        id_of('m2'), id_of('d2'));
update opportunity set stage = 'PROPOSAL', "updatedAt" = now() where id = id_of('d1');
update opportunity set "deletedAt" = now(), "updatedAt" = now() where id = id_of('d3');
update opportunity set "deletedAt" = null, "updatedAt" = now() where id = id_of('d19');
update opportunity set "amountAmountMicros" = 1, "amountCurrencyCode" = 'RUB', "updatedAt" = now()
    where id = id_of('d4');
-- Another change within ten minutes is added to the row of the timeline.
update "timelineActivity" set properties = '{"diff": {"stage": {"before": "NEW", "after": "PROPOSAL"}}}',
    "updatedAt" = now()
where id = id_of('tl1/2');
-- The owner of the deals of a company changes with the company alone.
update company set "accountOwnerId" = id_of('m6'), "updatedAt" = now() where id = id_of('co2');
update task set status = 'DONE', "updatedAt" = now() where id = id_of('t5');
update task set "deletedAt" = now(), "updatedAt" = now() where id = id_of('t6');
update "calendarEvent" set "isCanceled" = true, "updatedAt" = now() where id = id_of('e1');
update person set "companyId" = null, "updatedAt" = now() where id = id_of('p1');
insert into opportunity (id, name, "createdByWorkspaceMemberId") values (id_of('new'), 'new', id_of('m1'));
insert into task (id, title, "assigneeId") values (id_of('new'), 'new', id_of('m1'));
update "workspaceMember" set "deletedAt" = now(), "updatedAt" = now() where id = id_of('m5');
