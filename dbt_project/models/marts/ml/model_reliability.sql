-- Grain: tenant, subject, method and bin of the newest scores.
select
    {{ of_model('reports') }},
    cast(reports.method as String) as method,
    cast(coalesce(quality.is_published, false) as Bool) as is_published,
    reports.bin as bin,
    reports.lower as lower,
    reports.upper as upper,
    concat(toString(round(100 * reports.lower)), '–', toString(round(100 * reports.upper)), ' %') as chances,
    cast(reports.n * reports.mean_probability as Float64) as promised,
    cast(reports.n * reports.observed_rate as Float64) as came_true,
    reports.mean_probability as mean_probability,
    reports.observed_rate as observed_rate,
    reports.n as n
from {{ ref('stg_ml__model_reliability') }} as reports
left join {{ ref('stg_ml__model_quality') }} as quality
    on
        reports.tenant_id = quality.tenant_id
        and reports.as_of = quality.as_of
        and reports.subject = quality.subject
        and reports.method = quality.method
where {{ of_newest_day('reports', ref('stg_ml__model_reliability'), ['subject']) }}
