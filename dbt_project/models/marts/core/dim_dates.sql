-- Grain: one row per calendar day, from the first month of the oldest tenant to the end of the month after the as-
-- of day.
with bounds as (
    select
        {{ first_of_month("coalesce(min(first_day), min(as_of_day))") }} as first_day,
        addMonths({{ first_of_month("max(as_of_day)") }}, 2) as end_day
    from {{ ref('dim_tenants') }}
    -- Without a tenant there is no calendar: min() of nothing would be 1970.
    having count() > 0
)

select
    addDays(first_day, arrayJoin(range(toUInt32(dateDiff('day', first_day, end_day))))) as day,
    {{ first_of_month('day') }} as month,
    toYear(day) as year,
    toQuarter(day) as quarter,
    toMonth(day) as month_of_year,
    toDayOfWeek(day) as weekday,
    weekday >= 6 as is_weekend
from bounds
