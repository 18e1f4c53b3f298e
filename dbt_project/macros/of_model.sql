{#- Whose model a row is about: the columns that everything told of a model of chances begins with. -#}
{% macro of_model(rows) -%}
    {{ rows }}.tenant_id as tenant_id,
    cast({{ rows }}.as_of as Date32) as as_of,
    cast({{ rows }}.subject as String) as subject,
    {{ rows }}.model_id as model_id
{%- endmacro %}
