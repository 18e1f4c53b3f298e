{#- What a reader has to know of one task of the models, in one language: an expression over the columns of `found` in
`model_notes`. The reasons are those of `ml_assets.forecasting`, `ml_assets.probability`. -#}
{% macro note_of_model(language) -%}
    {%- set en = language == 'en' -%}
    {%- set rehearsal_en = "concat('It was judged on ', toString(judged), ' records of a period that is over.')" -%}
    {%- set rehearsal_ru = "concat('Проверено на записях завершённого периода: ', toString(judged), '.')" -%}
    {%- set rehearsal = rehearsal_en if en else rehearsal_ru -%}
    arrayStringConcat(
        arrayFilter(
            sentence -> sentence != '',
            [
                multiIf(
                    successes = 0 and is_failed,
                    '{{ "Its run failed, so there are no figures yet." if en else "Расчёт не удался, поэтому цифр ещё нет." }}',
                    successes = 0,
                    '{{ "Not computed yet: models run after the night." if en else "Ещё не рассчитано: модели запускаются после ночной загрузки." }}',
                    is_failed,
                    concat(
                        '{{ "The last run, of " if en else "Последний расчёт, за " }}', formatDateTime(failed_on, '%d.%m.%Y'),
                        '{{ ", failed: these are older figures." if en else ", не удался: показаны прежние цифры." }}'
                    ),
                    ''
                ),
                multiIf(
                    reason = 'beats_seasonal_naive',
                    concat(
                        '{{ "A combination of models is published: on the past its error was " if en else "Опубликована комбинация моделей: на прошлом её ошибка составила " }}',
                        toString(share),
                        '{{ " % of that of simply repeating last year." if en else " % от ошибки простого повторения прошлого года." }}'
                    ),
                    reason = 'beats_naive_when_mixed',
                    concat(
                        '{{ "The models alone were no better than repeating last year; mixed with it by " if en else "Сами по себе модели не точнее повторения прошлого года; со смешиванием на " }}',
                        toString(naive_share),
                        '{{ " % they are, with an error of " if en else " % они точнее, их ошибка — " }}', toString(share),
                        '{{ " % of its error." if en else " % от его ошибки." }}'
                    ),
                    reason = 'not_better_than_seasonal_naive',
                    '{{ "No model was better on the past than repeating last year, so that is published: a rough guide." if en else "На прошлом ни одна модель не оказалась точнее повторения прошлого года, поэтому опубликовано оно: это лишь грубый ориентир." }}',
                    reason = 'too_short_to_backtest',
                    '{{ "There are fewer than nine months of sales, too few to test a model on: last year, or the last value, is repeated." if en else "Продаж меньше чем за девять месяцев — проверить модель не на чем: повторяется прошлый год или последнее значение." }}',
                    reason = 'no_history',
                    '{{ "There are no sales to learn from: the forecast is zero." if en else "Продаж, на которых можно учиться, нет: прогноз равен нулю." }}',
                    reason = 'weighted_by_backtest',
                    concat(
                        '{{ "Open deals and monthly sales are blended by how well each did. " if en else "Прогнозы по открытым сделкам и по месяцам смешаны по их точности. " }}',
                        if(
                            judged = 0,
                            '{{ "No earlier quarter could be tested." if en else "Проверить на прежних кварталах было не на чем." }}',
                            concat(
                                '{{ "In " if en else "Проверено кварталов: " }}', toString(judged),
                                '{{ " earlier quarters the error was " if en else ", обычная ошибка — " }}', toString(coalesce(share, 0)),
                                '{{ " % of the forecast." if en else " % прогноза." }}'
                            )
                        )
                    ),
                    reason = 'no_monthly_history',
                    '{{ "Only open deals speak: there are too few months of sales." if en else "Только по открытым сделкам: месяцев продаж слишком мало." }}',
                    reason = 'no_deal_history',
                    '{{ "Only monthly sales speak: there are no earlier deals to learn chances from." if en else "Только по продажам прошлых месяцев: нет прежних сделок, чтобы выучить шансы." }}',
                    reason = 'better_than_baseline',
                    concat('{{ "The model is published: it was better than the simple rule. " if en else "Опубликована модель: она точнее простого правила. " }}', {{ rehearsal }}),
                    reason = 'level_with_baseline',
                    concat('{{ "The model is published: as good as the simple rule, and it says why. " if en else "Опубликована модель: она не хуже простого правила и объясняет причины. " }}', {{ rehearsal }}),
                    reason = 'not_rehearsed',
                    '{{ "The model is published, but no period is over on which it could be rehearsed: take its chances as an order." if en else "Опубликована модель, но проверить её на завершённом периоде ещё нельзя: верьте порядку, а не самим процентам." }}',
                    reason = 'worse_than_baseline',
                    '{{ "The model was worse than the simple rule, so the rule speaks: chances without reasons." if en else "Модель оказалась хуже простого правила, поэтому говорит правило: вероятности без причин." }}',
                    reason in ('no_closed_snapshot', 'too_few_rows', 'too_few_events'),
                    '{{ "There is too little history to learn from, so a simple rule speaks." if en else "Истории для обучения мало, поэтому говорит простое правило." }}',
                    task = 'anomalies' and successes > 0,
                    concat(
                        '{{ "Watched: " if en else "Под наблюдением рядов: " }}', toString(scored_series),
                        '{{ " of " if en else " из " }}', toString(series),
                        if(
                            scored_series < series,
                            '{{ " series; the others are too short or too sparse to say what is usual." if en else "; остальные слишком коротки или редки, чтобы знать обычное." }}',
                            '{{ " series." if en else "." }}'
                        )
                    ),
                    ''
                ),
                if(
                    is_short,
                    concat(
                        '{{ "Only " if en else "Истории всего " }}', toString(history_months),
                        '{{ " months of history: seasons are hardly known, the band is wide." if en else " мес.: сезонность почти не известна, полоса широкая." }}'
                    ),
                    ''
                )
            ]
        ),
        ' '
    )
{%- endmacro %}
