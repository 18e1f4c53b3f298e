-- Grain: tenant and subject of the newest scores.
with newest_days as (
    select
        tenant_id,
        subject,
        max(as_of) as as_of
    from {{ ref('stg_ml__model_checks') }}
    group by tenant_id, subject
)

select
    newest.tenant_id as tenant_id,
    cast(newest.as_of as Date32) as as_of,
    cast(newest.subject as String) as subject,
    newest.model_id as model_id,
    newest.cutoff as cutoff,
    newest.is_out_of_sample as is_out_of_sample,
    newest.passed as passed,
    newest.n as n,
    newest.expected as expected,
    newest.observed as observed,
    newest.ece as ece,
    newest.ece_by_chance as ece_by_chance,
    newest.tolerated as tolerated
from {{ ref('stg_ml__model_checks') }} as newest
inner join newest_days
    on
        newest.tenant_id = newest_days.tenant_id
        and newest.subject = newest_days.subject
        and newest.as_of = newest_days.as_of
