{#- The condition that a row stands on the newest day that its tenant has rows of; `keys` name what has a newest day of
its own within the tenant. -#}
{% macro of_newest_day(rows, relation, keys=[]) -%}
    {%- set columns = ['tenant_id'] + keys -%}
    ({%- for column in columns %}{{ rows }}.{{ column }}, {% endfor -%}{{ rows }}.as_of) in (
        select
            {{ columns | join(', ') }},
            max(as_of)
        from {{ relation }}
        group by {{ columns | join(', ') }}
    )
{%- endmacro %}
