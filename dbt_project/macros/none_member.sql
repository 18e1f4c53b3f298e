{#- The id and name of the dimension member that stands for "missing"; never merged with a literal such as 'unknown'. -#}
{% macro none_member() -%}
    '(none)'
{%- endmacro %}
