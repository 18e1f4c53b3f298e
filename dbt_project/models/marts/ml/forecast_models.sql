-- Grain: tenant, dimension, member and model of the newest forecast: every candidate with its error and weight.
select
    models.tenant_id as tenant_id,
    cast(models.as_of as Date32) as as_of,
    cast(models.dimension as String) as dimension,
    models.member_id as member_id,
    {{ member_name('models', 'members') }} as member_name,
    cast(models.model as String) as model,
    models.is_published as is_published,
    cast(models.reason as String) as reason,
    models.weight as weight,
    cast(models.mase is not null as UInt64) as judged,
    models.mase as mase,
    models.naive_mase as naive_mase,
    models.naive_share as naive_share,
    models.widening as widening,
    models.working_days_used as working_days_used,
    models.cpu_seconds as cpu_seconds,
    models.failure as failure
from {{ ref('stg_ml__forecast_models') }} as models
left join {{ ref('int_series_members') }} as members
    on
        models.tenant_id = members.tenant_id
        and models.dimension = members.dimension
        and models.member_id = members.member_id
where {{ of_newest_day('models', ref('stg_ml__forecast_models')) }}
