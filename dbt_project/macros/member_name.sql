{#- The name of a member of a dimension; its id where it is a group of members, or none that is live. -#}
{% macro member_name(rows, members) -%}
    coalesce(nullIf({{ members }}.member_name, ''), {{ rows }}.member_id)
{%- endmacro %}
