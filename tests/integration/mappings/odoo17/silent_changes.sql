-- What no stamp tells: an activity that is done and gone, merged leads, a team that went to another company, a partner
-- that
-- got another parent by hand. A stamp tells of a deal's new company, but not that the old one has lost it.
delete from mail_activity where id = 2;
delete from mail_tracking_value where mail_message_id in (select id from mail_message where res_id in (9, 16));
delete from crm_lead where id in (9, 16);
update crm_team set company_id = 2 where id = 2;
update crm_lead set expected_revenue = 1 where id = 7;
update res_partner set commercial_partner_id = 106 where id = 111;
update crm_lead set team_id = 3, company_id = null, write_date = touched() where id = 2;
