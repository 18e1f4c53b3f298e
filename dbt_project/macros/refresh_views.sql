{#-
  Refreshes the materialized views at the end of a run that built anything, so that they agree with the marts within seconds;
  waits for them, so that the next reader sees it. In a cluster this reaches one replica, as ClickHouse knows no REFRESH VIEW for
  all of them; the others refresh by their clock.
-#}
{% macro refresh_views(results) -%}
    {%- if execute and flags.WHICH in ['run', 'build', 'retry'] -%}
        {%- set built = results | selectattr('node.resource_type', 'equalto', 'model') | map(attribute='node.unique_id') | list -%}
        {%- for node in graph.nodes.values()
            if node.resource_type == 'model' and node.config.materialized == 'materialized_view' -%}
            {%- set view = adapter.get_relation(database=none, schema=node.schema, identifier=node.alias ~ '_mv') -%}
            {%- if view is not none and built -%}
                {%- do run_query("system refresh view " ~ view) -%}
                {%- do run_query("system wait view " ~ view) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
