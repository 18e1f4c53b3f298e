-- Grain: one row per tenant and calendar day of dim_dates. Monday to Friday are worked unless the calendar of the
-- tenant's country (seeds tenant_calendars and business_calendar) says otherwise.
with tenant_days as (
    select
        tenants.tenant_id as tenant_id,
        coalesce(calendars.country, '{{ var("default_calendar_country") }}') as country,
        dates.day as day,
        dates.is_weekend as is_weekend
    from {{ ref('dim_tenants') }} as tenants
    left join {{ ref('tenant_calendars') }} as calendars on tenants.tenant_id = calendars.tenant_id
    inner join {{ ref('dim_dates') }} as dates on true
),

covered_years as (
    select distinct
        country,
        toYear(day) as year
    from {{ ref('business_calendar') }}
)

select
    tenant_days.tenant_id as tenant_id,
    tenant_days.day as day,
    tenant_days.country as country,
    cast(coalesce(exceptions.is_working_day, not tenant_days.is_weekend) as Bool) as is_working_day,
    exceptions.name_en as holiday_name_en,
    exceptions.name_ru as holiday_name_ru,
    cast(covered_years.country is not null as Bool) as is_calendar_known
from tenant_days
left join {{ ref('business_calendar') }} as exceptions
    on tenant_days.country = exceptions.country and tenant_days.day = exceptions.day
left join covered_years
    on tenant_days.country = covered_years.country and toYear(tenant_days.day) = covered_years.year
