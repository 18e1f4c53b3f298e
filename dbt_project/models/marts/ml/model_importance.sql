-- Grain: tenant, subject and feature of the newest scores.
with newest_days as (
    select
        tenant_id,
        subject,
        max(as_of) as as_of
    from {{ ref('stg_ml__model_importance') }}
    group by tenant_id, subject
)

select
    newest.tenant_id as tenant_id,
    cast(newest.as_of as Date32) as as_of,
    cast(newest.subject as String) as subject,
    newest.model_id as model_id,
    newest.feature as feature,
    newest.importance as importance,
    newest.share as share
from {{ ref('stg_ml__model_importance') }} as newest
inner join newest_days
    on
        newest.tenant_id = newest_days.tenant_id
        and newest.subject = newest_days.subject
        and newest.as_of = newest_days.as_of
