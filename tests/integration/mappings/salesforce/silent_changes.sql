-- What Heroku Connect deleted, and what it brought after an interruption of days.
set local search_path to salesforce, public;
delete from opportunity where sfid = sf('006', 20);
delete from task where sfid = sf('00T', 3);
update opportunity set amount = 3, systemmodstamp = stamped('3 days') where sfid = sf('006', 21);
insert into lead (sfid, leadsource, status, createddate, systemmodstamp, isdeleted) values
    (sf('00Q', 998), 'Late', 'Open', stamped('4 days'), stamped('4 days'), false);
