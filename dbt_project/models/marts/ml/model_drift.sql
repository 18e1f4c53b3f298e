-- Grain: tenant, subject and feature of the newest scores.
with newest_days as (
    select
        tenant_id,
        subject,
        max(as_of) as as_of
    from {{ ref('stg_ml__model_drift') }}
    group by tenant_id, subject
)

select
    newest.tenant_id as tenant_id,
    cast(newest.as_of as Date32) as as_of,
    cast(newest.subject as String) as subject,
    newest.model_id as model_id,
    newest.feature as feature,
    newest.psi as psi,
    cast(newest.drift as String) as drift,
    newest.is_used as is_used,
    cast(newest.reason as String) as reason
from {{ ref('stg_ml__model_drift') }} as newest
inner join newest_days
    on
        newest.tenant_id = newest_days.tenant_id
        and newest.subject = newest_days.subject
        and newest.as_of = newest_days.as_of
