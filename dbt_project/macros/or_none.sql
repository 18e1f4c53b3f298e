{#- A name or id of a row that a left join may not have found. A view is run with its reader's settings, under which an
unfound text is empty and not NULL. -#}
{% macro or_none(column) -%}
    coalesce(nullIf({{ column }}, ''), {{ none_member() }})
{%- endmacro %}
