-- Grain: one row per tenant, with the moment that "now" means to this run and the first day of the tenant's history.
with first_moments as (
    select
        tenant_id,
        min(created_at) as created_at
    from {{ ref('stg_crm__leads') }}
    group by tenant_id
    union all
    select
        tenant_id,
        min(created_at) as created_at
    from {{ ref('stg_crm__deals') }}
    group by tenant_id
    union all
    select
        tenant_id,
        min(created_at) as created_at
    from {{ ref('stg_crm__activities') }}
    group by tenant_id
),

first_days as (
    select
        tenant_id,
        min(created_at) as created_at
    from first_moments
    group by tenant_id
)

select
    tenants.tenant_id as tenant_id,
    tenants.tenant_name as tenant_name,
    tenants.timezone as timezone,
    tenants.currency as currency,
    tenants.locale as locale,
    tenants.is_active as is_active,
    {{ as_of() }} as as_of,
    {{ local_day(as_of(), 'tenants.timezone') }} as as_of_day,
    {{ local_day('first_days.created_at', 'tenants.timezone') }} as first_day
from {{ ref('stg_crm__tenants') }} as tenants
left join first_days on tenants.tenant_id = first_days.tenant_id
