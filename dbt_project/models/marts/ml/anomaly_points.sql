-- Grain: tenant, metric, dimension, member, grain and period of the newest weeks.
with newest_days as (
    select
        tenant_id,
        max(as_of) as as_of
    from {{ ref('stg_ml__anomaly_points') }}
    group by tenant_id
)

select
    newest.tenant_id as tenant_id,
    cast(newest.as_of as Date32) as as_of,
    cast(newest.metric as String) as metric,
    cast(newest.dimension as String) as dimension,
    newest.member_id as member_id,
    newest.member_name as member_name,
    cast(newest.grain as String) as grain,
    newest.period_start as period_start,
    newest.value as value,
    newest.denominator as denominator,
    newest.expected as expected,
    newest.lower as lower,
    newest.upper as upper,
    newest.score as score,
    newest.threshold as threshold,
    newest.is_anomaly as is_anomaly,
    cast(newest.direction as String) as direction,
    cast(newest.severity as String) as severity,
    newest.effect as effect,
    newest.effect_money as effect_money,
    cast(newest.day_kind as String) as day_kind,
    cast(newest.status as String) as status,
    newest.event_id as event_id
from {{ ref('stg_ml__anomaly_points') }} as newest
inner join newest_days
    on
        newest.tenant_id = newest_days.tenant_id
        and newest.as_of = newest_days.as_of
