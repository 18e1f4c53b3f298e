-- Grain: tenant, subject and feature of the newest scores.
select
    {{ of_model('reports') }},
    reports.feature as feature,
    reports.psi as psi,
    cast(reports.drift as String) as drift,
    reports.is_used as is_used,
    cast(reports.reason as String) as reason
from {{ ref('stg_ml__model_drift') }} as reports
where {{ of_newest_day('reports', ref('stg_ml__model_drift'), ['subject']) }}
