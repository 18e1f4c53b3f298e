{#- The first day of a day's month, as Date32 (toStartOfMonth narrows to Date unless told otherwise). -#}
{% macro first_of_month(day) -%}
    toDate32(date_trunc('month', {{ day }}))
{%- endmacro %}
