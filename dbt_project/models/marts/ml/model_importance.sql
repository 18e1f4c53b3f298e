-- Grain: tenant, subject and feature of the newest scores.
select
    {{ of_model('reports') }},
    reports.feature as feature,
    reports.importance as importance,
    reports.share as share
from {{ ref('stg_ml__model_importance') }} as reports
where {{ of_newest_day('reports', ref('stg_ml__model_importance'), ['subject']) }}
