{#- The moment that "now" means to this run, as DateTime64(6, 'UTC'). -#}
{% macro as_of() -%}
    parseDateTime64BestEffort(
        '{{ var("as_of") or run_started_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ") }}', 6, 'UTC'
    )
{%- endmacro %}
