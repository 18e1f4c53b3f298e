{#- The clause that makes a statement of our own run on every replica of the cluster; empty for a single server. -#}
{% macro on_each_replica() -%}
    {{ return(' on cluster ' ~ adapter.get_clickhouse_cluster_name() if adapter.get_clickhouse_cluster_name() else '') }}
{%- endmacro %}

{#-
  Exchanges two tables in one step on every replica: `old_relation`, which was just built, takes the place of `target_relation`.

  Before that each replica must hold all rows of the new table, or its readers would see a part of them. dbt-clickhouse's macro,
  which this one replaces, waits for the table that is about to go.
-#}
{% macro exchange_tables_atomic(old_relation, target_relation, obj_types='TABLES') %}
    {%- if on_each_replica() and obj_types == 'TABLES' and 'Replicated' in engine_clause() -%}
        {% call statement('sync_replicas') -%}
            system sync replica {{ on_each_replica() }} {{ old_relation }}
        {%- endcall %}
    {%- endif -%}
    {% call statement('exchange_tables_atomic') -%}
        exchange {{ obj_types }} {{ old_relation }} and {{ target_relation }} {{ on_cluster_clause(target_relation) }}
    {%- endcall %}
{% endmacro %}
