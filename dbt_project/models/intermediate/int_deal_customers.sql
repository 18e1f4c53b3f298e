-- Grain: one row per live deal, with the customer that it is made with: its company, without one its contact person.
{{ config(materialized='view') }}
select
    deals.tenant_id as tenant_id,
    deals.deal_id as deal_id,
    coalesce(companies.customer_kind, contacts.customer_kind, {{ none_member() }}) as customer_kind,
    coalesce(companies.customer_id, contacts.customer_id, {{ none_member() }}) as customer_id,
    coalesce(companies.customer_name, contacts.customer_name, {{ none_member() }}) as customer_name
from {{ ref('fct_deals') }} as deals
left join {{ ref('dim_customers') }} as companies
    on
        deals.tenant_id = companies.tenant_id
        and deals.company_id = companies.customer_id
        and companies.customer_kind = 'company'
left join {{ ref('dim_customers') }} as contacts
    on
        deals.tenant_id = contacts.tenant_id
        and deals.contact_id = contacts.customer_id
        and contacts.customer_kind = 'contact'
