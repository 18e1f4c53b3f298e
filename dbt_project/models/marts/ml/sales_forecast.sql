-- Grain: tenant, dimension, member, month ahead and confidence: what the tenant's newest forecast published.
select
    forecasts.tenant_id as tenant_id,
    cast(forecasts.as_of as Date32) as as_of,
    cast(forecasts.dimension as String) as dimension,
    forecasts.member_id as member_id,
    {{ member_name('forecasts', 'members') }} as member_name,
    forecasts.month as month,
    forecasts.horizon as horizon,
    forecasts.confidence as confidence,
    cast(forecasts.model as String) as model,
    forecasts.forecast as forecast,
    forecasts.lower as lower,
    forecasts.upper as upper,
    cast(forecasts.reason as String) as reason,
    forecasts.low_history as low_history,
    forecasts.is_intermittent as is_intermittent,
    forecasts.history_months as history_months
from {{ ref('stg_ml__sales_forecast') }} as forecasts
left join {{ ref('int_series_members') }} as members
    on
        forecasts.tenant_id = members.tenant_id
        and forecasts.dimension = members.dimension
        and forecasts.member_id = members.member_id
where forecasts.is_published and {{ of_newest_day('forecasts', ref('stg_ml__sales_forecast')) }}
