-- Grain: tenant and subject of the newest scores.
select
    {{ of_model('reports') }},
    reports.cutoff as cutoff,
    reports.is_out_of_sample as is_out_of_sample,
    reports.passed as passed,
    reports.n as n,
    reports.expected as expected,
    reports.observed as observed,
    reports.ece as ece,
    reports.ece_by_chance as ece_by_chance,
    reports.tolerated as tolerated
from {{ ref('stg_ml__model_checks') }} as reports
where {{ of_newest_day('reports', ref('stg_ml__model_checks'), ['subject']) }}
