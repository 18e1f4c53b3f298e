-- Grain: tenant and event, as the newest run that saw it tells it, with what readers say of it. What was usual at its
-- peak, the oddest day or week, stands beside it: a band is of one period and does not add up over an event.
select
    events.tenant_id as tenant_id,
    events.event_id as event_id,
    cast(events.as_of as Date32) as as_of,
    cast(events.metric as String) as metric,
    cast(events.dimension as String) as dimension,
    events.member_id as member_id,
    events.member_name as member_name,
    if(events.dimension = 'total', 'Whole company', events.member_name) as place_en,
    if(events.dimension = 'total', 'Вся компания', events.member_name) as place_ru,
    cast(events.grain as String) as grain,
    cast(events.direction as String) as direction,
    cast(events.severity as String) as severity,
    toUInt8(indexOf(['critical', 'high', 'medium', 'low'], events.severity)) as severity_order,
    cast(events.status as String) as status,
    events.first_day as first_day,
    events.last_day as last_day,
    events.peak_day as peak_day,
    cast(events.last_day >= tenants.as_of_day - 35 as Bool) as is_recent,
    cast(1 as UInt64) as events,
    events.periods as periods,
    events.value as value,
    events.expected as expected,
    events.deviation as deviation,
    events.effect as effect,
    events.effect_money as effect_money,
    events.effect_share as effect_share,
    events.score as score,
    cast(peaks.value as Nullable(Float64)) as peak_value,
    cast(peaks.expected as Nullable(Float64)) as peak_expected,
    cast(peaks.lower as Nullable(Float64)) as peak_lower,
    cast(peaks.upper as Nullable(Float64)) as peak_upper,
    cast(events.is_alert and not coalesce(feedback.is_false_positive, false) as Bool) as is_alert,
    events.told_by as told_by,
    cast(events.told_by = '' as Bool) as is_told_here,
    cast(
        if(feedback.event_id != '', feedback.is_false_positive, events.is_false_positive) as Bool
    ) as is_false_positive,
    coalesce(feedback.marked_by, '') as marked_by,
    events.explanation_en as explanation_en,
    events.explanation_ru as explanation_ru
from {{ ref('stg_ml__anomaly_events') }} as events
inner join {{ ref('dim_tenants') }} as tenants on events.tenant_id = tenants.tenant_id
left join {{ ref('stg_ml__anomaly_points') }} as peaks
    on
        events.tenant_id = peaks.tenant_id
        and events.as_of = peaks.as_of
        and events.event_id = peaks.event_id
        and events.peak_day = peaks.period_start
left join {{ ref('stg_ml__anomaly_feedback') }} as feedback
    on events.tenant_id = feedback.tenant_id and events.event_id = feedback.event_id
where {{ of_newest_day('events', ref('stg_ml__anomaly_events'), ['event_id']) }}
