{#-
  Returns the table of a model as it was left by the last build, or none where there is none or nothing is being built.

  What changed is found by looking at what a model holds before it is built again, so ref() would be a circle.
-#}
{% macro built_relation(name) -%}
    {%- if not execute or flags.WHICH not in ['run', 'build', 'retry'] -%}{{ return(none) }}{%- endif -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name == name -%}
        {{ return(adapter.get_relation(database=none, schema=node.schema, identifier=node.alias)) }}
    {%- endfor -%}
{%- endmacro %}

{#- The members of a dimension that changed since `news` (of what_changed), as a subquery of tenant and id. -#}
{% macro changed_members(news, dimension, column='member_id') -%}
    select tenant_id, {{ column }} from {{ ref('int_member_changes') }}
    where dimension = '{{ dimension }}' and number > {{ news.members }}
{%- endmacro %}

{#- The condition of rows whose key is among the changed ones of an entity. -#}
{% macro is_changed(entity, columns) -%}
    ({{ columns | join(', ') }}) in (select {{ entity_key(entity) | join(', ') }} from {{ ref('int_changed_' ~ entity) }})
{%- endmacro %}

{#- Makes a model wait for another one that looks at its table as it was left by the last build. -#}
{% macro built_after(name) -%}
    {%- if model.resource_type != 'unit_test' -%}{%- do ref(name) -%}{%- endif -%}
{%- endmacro %}
