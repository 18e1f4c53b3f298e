-- Grain: tenant, subject, method and bin of the newest scores.
with newest_days as (
    select
        tenant_id,
        subject,
        max(as_of) as as_of
    from {{ ref('stg_ml__model_reliability') }}
    group by tenant_id, subject
)

select
    newest.tenant_id as tenant_id,
    cast(newest.as_of as Date32) as as_of,
    cast(newest.subject as String) as subject,
    newest.model_id as model_id,
    cast(newest.method as String) as method,
    newest.bin as bin,
    newest.lower as lower,
    newest.upper as upper,
    newest.mean_probability as mean_probability,
    newest.observed_rate as observed_rate,
    newest.n as n
from {{ ref('stg_ml__model_reliability') }} as newest
inner join newest_days
    on
        newest.tenant_id = newest_days.tenant_id
        and newest.subject = newest_days.subject
        and newest.as_of = newest_days.as_of
