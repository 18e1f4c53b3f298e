-- What arrives next: some of it was stamped hours ago in Salesforce and is written to PostgreSQL only now.
create function stamped(ago interval) returns timestamp language sql as $$ select now() at time zone 'UTC' - ago $$;
set local search_path to salesforce, public;

update opportunity set stagename = 'Closed Won', isclosed = true, iswon = true, systemmodstamp = stamped('10 minutes')
where sfid = sf('006', 7);
update opportunityhistory set systemmodstamp = stamped('10 minutes') where sfid = sf('008', 72);
insert into opportunityhistory (
    sfid, opportunityid, stagename, createdbyid, createddate, systemmodstamp, isdeleted
) values
    (sf('008', 9001), sf('006', 7), 'Closed Won', sf('005', 1), stamped('10 minutes'), stamped('10 minutes'), false);
-- Reopened; lost; given away; deleted; back from the bin; amount gone.
update opportunity set stagename = 'Proposal', isclosed = false, iswon = false, systemmodstamp = stamped('5 hours')
where sfid = sf('006', 8);
update opportunity set stagename = 'Closed Lost', isclosed = true,
    systemmodstamp = stamped('0') where sfid = sf('006', 9);
update opportunity set ownerid = sf('005', 9), systemmodstamp = stamped('20 hours') where sfid = sf('006', 10);
insert into opportunityfieldhistory (sfid, opportunityid, field, oldvalue, newvalue, createddate, isdeleted) values
    (sf('017', 9001), sf('006', 10), 'Owner', 'a', 'b', stamped('20 hours'), false),
    (sf('017', 9002), sf('006', 10), 'Owner', sf('005', 1), sf('005', 9), stamped('20 hours'), false);
update opportunity set isdeleted = true, systemmodstamp = stamped('0') where sfid = sf('006', 11);
update opportunity set isdeleted = false, systemmodstamp = stamped('0') where sfid = sf('006', 38);
update opportunity set amount = null, systemmodstamp = stamped('0') where sfid = sf('006', 13);
-- A row that was entered in PostgreSQL has reached Salesforce and has an id now.
update opportunity set sfid = sf('006', 50), systemmodstamp = stamped('1 minute') where sfid is null;
update lead set sfid = sf('00Q', 20), systemmodstamp = stamped('1 minute') where sfid is null;
-- A lead is converted into a deal that is here already and is not stamped itself; an earlier lead of a deal is deleted.
update lead set isconverted = true, convertedopportunityid = sf('006', 100), systemmodstamp = stamped('2 hours')
where sfid = sf('00Q', 100);
update lead set isdeleted = true, systemmodstamp = stamped('0') where sfid = sf('00Q', 901);
insert into lead (sfid, leadsource, status, ownerid, createddate, systemmodstamp, isdeleted) values
    (sf('00Q', 999), 'Новый', 'Open', sf('005', 1), stamped('3 hours'), stamped('3 hours'), false);
update task set status = 'Completed', isclosed = true, completeddatetime = stamped('1 hour'),
    systemmodstamp = stamped('1 hour')
where sfid = sf('00T', 1);
update task set isrecurrence = true, systemmodstamp = stamped('0') where sfid = sf('00T', 2);
insert into event (sfid, startdatetime, enddatetime, ownerid, createddate, systemmodstamp, isdeleted) values
    (sf('00U', 999), stamped('1 hour'), stamped('0'), sf('005', 2), stamped('1 hour'), stamped('1 hour'), false);
update account set isdeleted = true, systemmodstamp = stamped('0') where sfid = sf('001', 1);
update contact set accountid = null, systemmodstamp = stamped('0') where sfid = sf('003', 1);
update opportunitystage set isactive = false, systemmodstamp = stamped('0') where apiname = 'Renewed';
