{#- The title of a report, or the label of a column of one, whose name stands in a row: two columns `<name>_en` and
`<name>_ru`. The texts are those that the models themselves declare; a name that none declares is shown as it is. -#}
{% macro label_of(kind, code, name) -%}
    {%- set found = {} -%}
    {%- set nodes = graph.nodes.values() if execute else [] -%}
    {%- for node in nodes if node.original_file_path.startswith('models/marts/reports/') and node.resource_type == 'model' -%}
        {%- if kind == 'mart' -%}
            {%- do found.update({node.name: node.config.meta.title}) -%}
        {%- else -%}
            {%- for column in node.columns.values() if 'label' in column.config.get('meta', {}) -%}
                {%- do found.update({column.name: column.config.meta.label}) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for language in ['en', 'ru'] -%}
    {%- set texts = found.values() | map(attribute=language) | map('replace', "'", "''") | list -%}
    {%- if found -%}
    transform(cast({{ code }} as String), ['{{ found.keys() | join("', '") }}'], ['{{ texts | join("', '") }}'], cast({{ code }} as String)) as {{ name }}_{{ language }}
    {%- else -%}
    cast({{ code }} as String) as {{ name }}_{{ language }}
    {%- endif -%}
    {{- ',\n    ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
