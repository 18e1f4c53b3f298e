{#- The whole seconds from one moment to another, never negative. -#}
{% macro whole_seconds(since, until) -%}
    intDiv(greatest(toUnixTimestamp64Micro({{ until }}) - toUnixTimestamp64Micro({{ since }}), 0), 1000000)
{%- endmacro %}
