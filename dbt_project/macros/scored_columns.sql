{#- What a score says of a lead or of a deal: the same columns for both, in staging and in the marts. -#}
{% macro scored_columns(rows) -%}
    {%- for column in [
        'horizon_days', 'probability', 'baseline_probability', 'method', 'priority', 'age_days', 'reasons_ru',
        'reasons_en', 'action_ru', 'action_en', 'expected_value', 'is_cold_start', 'low_history', 'model_id'
    ] %}
    {%- set value = rows ~ '.' ~ column %}
    {{ 'cast(' ~ value ~ ' as String)' if column in ['method', 'priority'] else value }} as {{ column }}
    {{- ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
