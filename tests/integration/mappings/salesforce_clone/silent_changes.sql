-- What no stamp tells: hard deletes, a write past the application, a deal that went to another tenant.
delete from opportunity_activities where id in (id_of('a5'), id_of('a360'));
delete from opportunity_activities where opportunity_id = id_of('d100');
delete from opportunities where id = id_of('d100');
update opportunities set amount = 77 where id = id_of('d101');
update contacts set is_active = false where id = id_of('c101');
update opportunities set tenant_id = id_of('t3') where id = id_of('d110');
