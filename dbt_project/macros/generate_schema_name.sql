{#- A model's database is exactly the one that its folder declares, never prefixed by the profile's. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
