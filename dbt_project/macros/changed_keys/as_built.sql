{#-
  The table of a model as the last build left it; nothing where there is none.

  What changed is found by looking at what a model holds before it is built again, so ref() would be a circle.
  Args: `structure`, names and types of the columns that are read, for a model that has no table yet, or one of an older version
  without these columns, which will be built whole.
-#}
{% macro as_built(name, structure) -%}
    {%- if execute and flags.WHICH in ['run', 'build', 'retry'] -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name == name -%}
            {%- set relation = adapter.get_relation(database=none, schema=node.schema, identifier=node.alias) -%}
            {%- if relation is not none -%}
                {%- set present = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
                {%- set missing = modules.re.findall('(?:^|, )([a-z_]+) [A-Z]', structure) | reject('in', present) | list -%}
                {%- if not missing -%}{{ return(relation) }}{%- endif -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return('null(\'' ~ (structure | replace("'", "\\'")) ~ '\')') }}
{%- endmacro %}
