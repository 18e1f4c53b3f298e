-- table: sales
select
    tenant_id::text, date_trunc('month', actual_close_date)::date as month, count(*) as deals,
    coalesce(sum(amount), 0) as amount
from opportunities
where stage = 'CLOSED_WON' and is_active is not false
group by 1, 2

-- table: leads
select tenant_id::text, coalesce(nullif(source, ''), '(none)') as source, count(*) as leads
from contacts
where contact_type in ('LEAD', 'CUSTOMER') and is_active is not false
group by 1, 2
