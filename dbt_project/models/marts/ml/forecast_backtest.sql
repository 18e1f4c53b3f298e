-- Grain: tenant, dimension, member, model, cut-off and month: what each model of the newest forecast said of the past.
select
    tried.tenant_id as tenant_id,
    cast(tried.as_of as Date32) as as_of,
    cast(tried.dimension as String) as dimension,
    tried.member_id as member_id,
    {{ member_name('tried', 'members') }} as member_name,
    cast(tried.model as String) as model,
    tried.origin as origin,
    tried.month as month,
    tried.horizon as horizon,
    tried.actual as actual,
    tried.forecast as forecast,
    tried.absolute_error as absolute_error,
    tried.scaled_error as scaled_error,
    cast(coalesce(models.is_published, false) as Bool) as is_published
from {{ ref('stg_ml__forecast_backtest') }} as tried
left join {{ ref('stg_ml__forecast_models') }} as models
    on
        tried.tenant_id = models.tenant_id
        and tried.as_of = models.as_of
        and tried.dimension = models.dimension
        and tried.member_id = models.member_id
        and tried.model = models.model
left join {{ ref('int_series_members') }} as members
    on
        tried.tenant_id = members.tenant_id
        and tried.dimension = members.dimension
        and tried.member_id = members.member_id
where {{ of_newest_day('tried', ref('stg_ml__forecast_backtest')) }}
