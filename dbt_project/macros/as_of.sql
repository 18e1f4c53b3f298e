{#-
  The moment that "now" means to this run, as DateTime64(6, 'UTC').

  Runs of the pipeline say it by the environment: dbt parses the whole project anew where --vars are others than last time. It is
  asked for as a query is made and not as a file is parsed, or that file would be parsed anew.
-#}
{% macro as_of() -%}
    {%- set moment = var("as_of") or (env_var("DBT_AS_OF", "") if execute else "") -%}
    parseDateTime64BestEffort(
        '{{ moment or run_started_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ") }}', 6, 'UTC'
    )
{%- endmacro %}
