-- Grain: tenant, subject and method of the newest scores.
select
    {{ of_model('reports') }},
    cast(reports.method as String) as method,
    reports.is_published as is_published,
    cast(reports.reason as String) as reason,
    cast(reports.judged_by as String) as judged_by,
    reports.judged_on as judged_on,
    reports.n as n,
    cast(reports.n * reports.base_rate as Nullable(Float64)) as came_true,
    cast(reports.n * reports.mean_probability as Nullable(Float64)) as promised,
    reports.base_rate as base_rate,
    reports.mean_probability as mean_probability,
    reports.auc as auc,
    reports.brier as brier,
    reports.ece as ece,
    reports.lift as lift
from {{ ref('stg_ml__model_quality') }} as reports
where {{ of_newest_day('reports', ref('stg_ml__model_quality'), ['subject']) }}
