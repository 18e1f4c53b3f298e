-- Grain: tenant and task of the models: what a reader has to know before trusting its figures, in a sentence. A task
-- that never succeeded, a gate that refused every model and a short history are said here.
{% set tasks = ['sales_forecast', 'quarter_forecast', 'anomalies', 'churn_scores', 'lead_scores', 'deal_scores'] %}
with tasks as (
    select
        tenant_id,
        arrayJoin({{ tasks }}) as task
    from {{ ref('dim_tenants') }}
),

runs as (
    select
        tenant_id,
        task,
        maxIf(as_of, status = 'succeeded') as newest_day,
        countIf(status = 'succeeded') as successes,
        argMax(status, finished_at) as last_status,
        argMax(as_of, finished_at) as last_day,
        argMaxIf(metrics, finished_at, status = 'succeeded') as metrics
    from {{ ref('stg_ml__model_runs') }}
    group by tenant_id, task
),

forecast_notes as (
    select
        models.tenant_id as tenant_id,
        'sales_forecast' as task,
        models.reason as reason,
        any(forecasts.low_history) as is_short,
        any(forecasts.history_months) as history_months,
        round(100 * any(models.mase) / nullIf(any(models.naive_mase), 0)) as share,
        round(100 * any(models.naive_share)) as naive_share
    from {{ ref('stg_ml__forecast_models') }} as models
    inner join {{ ref('stg_ml__sales_forecast') }} as forecasts
        on
            models.tenant_id = forecasts.tenant_id
            and models.as_of = forecasts.as_of
            and models.dimension = forecasts.dimension
            and models.member_id = forecasts.member_id
            and models.model = forecasts.model
    where
        models.dimension = 'tenant' and models.is_published
        and {{ of_newest_day('models', ref('stg_ml__forecast_models')) }}
    group by models.tenant_id, models.reason
),

quarter_notes as (
    select
        forecasts.tenant_id as tenant_id,
        'quarter_forecast' as task,
        forecasts.reason as reason,
        any(forecasts.backtest_quarters) as quarters,
        round(100 * any(forecasts.backtest_error) / nullIf(any(forecasts.forecast), 0)) as share
    from {{ ref('stg_ml__quarter_forecast') }} as forecasts
    where forecasts.is_published and {{ of_newest_day('forecasts', ref('stg_ml__quarter_forecast')) }}
    group by forecasts.tenant_id, forecasts.reason
),

score_notes as (
    select
        quality.tenant_id as tenant_id,
        concat(quality.subject, '_scores') as task,
        quality.reason as reason,
        quality.n as judged
    from {{ ref('stg_ml__model_quality') }} as quality
    where quality.is_published and {{ of_newest_day('quality', ref('stg_ml__model_quality'), ['subject']) }}
),

found as (
    select
        tasks.tenant_id as tenant_id,
        tasks.task as task,
        coalesce(runs.successes, 0) as successes,
        runs.newest_day as as_of,
        coalesce(runs.last_status = 'failed', false) as is_failed,
        runs.last_day as failed_on,
        coalesce(
            nullIf(forecast_notes.reason, ''), nullIf(quarter_notes.reason, ''), nullIf(score_notes.reason, ''), ''
        ) as reason,
        coalesce(forecast_notes.is_short, false) as is_short,
        coalesce(forecast_notes.history_months, 0) as history_months,
        coalesce(forecast_notes.share, quarter_notes.share, 0) as share,
        coalesce(forecast_notes.naive_share, 0) as naive_share,
        greatest(coalesce(quarter_notes.quarters, 0), coalesce(score_notes.judged, 0)) as judged,
        toUInt64(coalesce(runs.metrics['series'], 0)) as series,
        toUInt64(coalesce(runs.metrics['scored_series'], 0)) as scored_series
    from tasks
    left join runs on tasks.tenant_id = runs.tenant_id and tasks.task = runs.task
    left join forecast_notes on tasks.tenant_id = forecast_notes.tenant_id and tasks.task = forecast_notes.task
    left join quarter_notes on tasks.tenant_id = quarter_notes.tenant_id and tasks.task = quarter_notes.task
    left join score_notes on tasks.tenant_id = score_notes.tenant_id and tasks.task = score_notes.task
)

select
    tenant_id,
    task,
    toUInt8(indexOf({{ tasks }}, task)) as place,
    cast(if(successes = 0, null, as_of) as Nullable(Date32)) as as_of,
    cast(
        successes = 0 or is_failed or is_short
        or reason in (
            'not_better_than_seasonal_naive', 'too_short_to_backtest', 'no_history', 'no_monthly_history',
            'no_deal_history', 'worse_than_baseline', 'not_rehearsed', 'no_closed_snapshot', 'too_few_rows',
            'too_few_events'
        )
        or (task = 'anomalies' and scored_series < series)
        or (task = 'quarter_forecast' and judged = 0) as Bool
    ) as needs_care,
    {{ note_of_model('en') }} as text_en,
    {{ note_of_model('ru') }} as text_ru
from found
