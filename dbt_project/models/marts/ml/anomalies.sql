-- Grain: tenant and event, as the newest run that saw it tells it, with what readers say of it.
with newest as (
    select
        tenant_id,
        event_id,
        max(as_of) as as_of
    from {{ ref('stg_ml__anomaly_events') }}
    group by tenant_id, event_id
)

select
    events.tenant_id as tenant_id,
    events.event_id as event_id,
    cast(events.as_of as Date32) as as_of,
    cast(events.metric as String) as metric,
    cast(events.dimension as String) as dimension,
    events.member_id as member_id,
    events.member_name as member_name,
    cast(events.grain as String) as grain,
    cast(events.direction as String) as direction,
    cast(events.severity as String) as severity,
    cast(events.status as String) as status,
    events.first_day as first_day,
    events.last_day as last_day,
    events.peak_day as peak_day,
    events.periods as periods,
    events.value as value,
    events.expected as expected,
    events.deviation as deviation,
    events.effect as effect,
    events.effect_money as effect_money,
    events.effect_share as effect_share,
    events.score as score,
    cast(events.is_alert and not coalesce(feedback.is_false_positive, false) as Bool) as is_alert,
    events.told_by as told_by,
    cast(coalesce(feedback.is_false_positive, events.is_false_positive) as Bool) as is_false_positive,
    coalesce(feedback.marked_by, '') as marked_by,
    events.explanation_en as explanation_en,
    events.explanation_ru as explanation_ru
from {{ ref('stg_ml__anomaly_events') }} as events
inner join newest
    on
        events.tenant_id = newest.tenant_id
        and events.event_id = newest.event_id
        and events.as_of = newest.as_of
left join {{ ref('stg_ml__anomaly_feedback') }} as feedback
    on events.tenant_id = feedback.tenant_id and events.event_id = feedback.event_id
