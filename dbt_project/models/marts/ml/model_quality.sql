-- Grain: tenant, subject and method of the newest scores.
with newest_days as (
    select
        tenant_id,
        subject,
        max(as_of) as as_of
    from {{ ref('stg_ml__model_quality') }}
    group by tenant_id, subject
)

select
    newest.tenant_id as tenant_id,
    cast(newest.as_of as Date32) as as_of,
    cast(newest.subject as String) as subject,
    newest.model_id as model_id,
    cast(newest.method as String) as method,
    newest.is_published as is_published,
    cast(newest.reason as String) as reason,
    cast(newest.judged_by as String) as judged_by,
    newest.judged_on as judged_on,
    newest.n as n,
    newest.base_rate as base_rate,
    newest.mean_probability as mean_probability,
    newest.auc as auc,
    newest.brier as brier,
    newest.ece as ece,
    newest.lift as lift
from {{ ref('stg_ml__model_quality') }} as newest
inner join newest_days
    on
        newest.tenant_id = newest_days.tenant_id
        and newest.subject = newest_days.subject
        and newest.as_of = newest_days.as_of
