-- A day at work; every write stamps its row.
update opportunities set stage = 'CLOSED_WON', is_closed = true, is_won = true, actual_close_date = '2025-05-31',
    updated_at = now() at time zone 'UTC'
where id in (id_of('d2'), id_of('d4'), id_of('partner'));
-- Reopened, its date left over; lost; moved to another owner, also within another stage; amount removed.
update opportunities set stage = 'NEGOTIATION', updated_at = now() at time zone 'UTC' where id = id_of('first');
update opportunities set stage = 'CLOSED_LOST', updated_at = now() at time zone 'UTC' where id = id_of('d6');
update opportunities set owner_id = id_of('u2'), updated_at = now() at time zone 'UTC' where id = id_of('d8');
update opportunities set owner_id = id_of('u3'), stage = 'PROPOSAL', updated_at = now() at time zone 'UTC'
where id = id_of('vague');
update opportunities set amount = null, updated_at = now() at time zone 'UTC' where id = id_of('again');
-- Deleted, and back again.
update opportunities set is_active = false, updated_at = now() at time zone 'UTC' where id = id_of('d10');
update opportunities set is_active = true, updated_at = now() at time zone 'UTC' where id = id_of('d34');
-- A lead becomes a customer, another one a partner and so leaves the leads, a vendor becomes a lead.
update contacts set contact_type = 'CUSTOMER', updated_at = now() at time zone 'UTC' where id = id_of('c7');
update contacts set contact_type = 'PARTNER', updated_at = now() at time zone 'UTC' where id = id_of('c14');
update contacts set contact_type = 'LEAD', source = 'Сарафанное радио', updated_at = now() at time zone 'UTC'
where id = id_of('c5');
update opportunity_activities set status = 'completed', completed_date = now(), updated_at = now()
where id in (id_of('a3'), id_of('a6'));
update opportunity_activities set status = 'pending', completed_date = null, updated_at = now() where id = id_of('a1');
insert into contacts (id, tenant_id, owner_id, first_name, last_name, source, created_at) values
    (id_of('new lead'), id_of('t3'), id_of('u1'), 'Новый', 'Лид', 'Website', now() at time zone 'UTC');
insert into opportunities (id, tenant_id, owner_id, contact_id, name, stage, amount, created_at) values
    (id_of('new deal'), id_of('t3'), id_of('u1'), id_of('new lead'), 'new', 'PROSPECTING', 1, now() at time zone 'UTC');
insert into opportunity_activities (id, opportunity_id, owner_id, activity_type, subject, created_at) values
    (id_of('new call'), id_of('new deal'), id_of('u1'), 'call', 'new', now());
update users set department = 'Новый отдел', updated_at = now() at time zone 'UTC' where id = id_of('u2');
