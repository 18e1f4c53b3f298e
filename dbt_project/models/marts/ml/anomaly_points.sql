-- Grain: tenant, metric, dimension, member, grain and period of the newest weeks.
select
    points.tenant_id as tenant_id,
    cast(points.as_of as Date32) as as_of,
    cast(points.metric as String) as metric,
    cast(points.dimension as String) as dimension,
    points.member_id as member_id,
    points.member_name as member_name,
    cast(points.grain as String) as grain,
    points.period_start as period_start,
    points.value as value,
    points.denominator as denominator,
    points.expected as expected,
    points.lower as lower,
    points.upper as upper,
    points.score as score,
    points.threshold as threshold,
    points.is_anomaly as is_anomaly,
    cast(points.direction as String) as direction,
    cast(points.severity as String) as severity,
    points.effect as effect,
    points.effect_money as effect_money,
    cast(points.day_kind as String) as day_kind,
    cast(points.status as String) as status,
    points.event_id as event_id
from {{ ref('stg_ml__anomaly_points') }} as points
where {{ of_newest_day('points', ref('stg_ml__anomaly_points')) }}
