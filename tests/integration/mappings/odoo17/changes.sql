-- A day at work; Odoo stamps every row that it writes, and tracks what it was asked to track.
create function touched() returns timestamp language sql as $$ select date_trunc('second', now() at time zone 'UTC') $$;

-- Won, with its history; lost; regained; archived past the button; unassigned; moved to another team and to no company.
update crm_lead set stage_id = 4, probability = 100, date_closed = touched(), write_date = touched() where id = 405;
insert into mail_message (id, model, res_id, message_type, author_id, date, create_date, write_date) values
    (9001, 'crm.lead', 405, 'notification', 12, touched(), touched(), touched()),
    (9002, 'crm.lead', 404, 'notification', 12, touched(), touched(), touched()),
    (9003, 'crm.lead', 403, 'notification', 12, touched(), touched(), touched()),
    (9004, 'crm.lead', 401, 'notification', 12, touched(), touched(), touched());
insert into mail_tracking_value (id, field_id, mail_message_id, old_value_integer, new_value_integer) values
    (90001, 1, 9001, 5, 4), (90002, 2, 9002, 1, 0), (90003, 2, 9003, 0, 1), (90004, 3, 9004, 11, 0);
update crm_lead set active = false, probability = 0, date_closed = touched(), write_date = touched() where id = 404;
update crm_lead set active = true, probability = 30, write_date = touched() where id = 403;
update crm_lead set user_id = null, write_date = touched() where id = 401;
update crm_lead set active = false, write_date = touched() where id = 402;
update crm_lead set team_id = 3, company_id = null, write_date = touched() where id in (1, 3);
-- A lead is converted, one is entered, a converted one is lost, a deal becomes a lead again.
update crm_lead set type = 'opportunity', date_conversion = touched(), partner_id = 110, write_date = touched()
    where id = 8;
insert into crm_lead (id, name, type, company_id, source_id, active, probability, create_date, write_date) values
    (501, 'new lead', 'lead', 2, 1, true, 10, touched(), touched());
update crm_lead set active = false, probability = 0, write_date = touched() where id = 12;
update crm_lead set type = 'lead', write_date = touched() where id = 5;
-- One activity is done and kept, another is planned.
update mail_activity set active = false, write_date = touched() where id = 1;
insert into mail_message (
    id, model, res_id, message_type, author_id, mail_activity_type_id, date, create_date, write_date
) values (9005, 'crm.lead', 4, 'notification', 12, 2, touched(), touched(), touched());
insert into mail_activity (
    id, res_model, res_id, activity_type_id, user_id, date_deadline, active, create_date, write_date
)
values (901, 'crm.lead', 501, 3, 12, '2025-12-31', true, touched(), touched());
update res_partner set is_company = true, write_date = touched() where id = 101;
update res_partner set active = false, write_date = touched() where id = 103;
insert into utm_source (id, name, create_date) values (4, 'Выставка', touched());
