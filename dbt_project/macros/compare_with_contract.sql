{#-
  The comparison of a model's columns with its contract, without reading anything.

  dbt-clickhouse asks for the model's own query with `limit 0`, for which ClickHouse still gathers every list of keys that a
  key column is looked for in: at five million deals as much work as a large model. `describe` gathers none.
-#}
{% macro clickhouse__get_assert_columns_equivalent(sql) -%}
    {%- set columns = [] -%}
    {%- for column in run_query("describe table (" ~ sql ~ "\n)").rows -%}
        {%- do columns.append("`" ~ column['name'] ~ "` " ~ column['type']) -%}
    {%- endfor -%}
    {%- set structure = columns | join(', ') | replace("\\", "\\\\") | replace("'", "\\'") -%}
    {{ return(dbt.clickhouse__get_assert_columns_equivalent("select * from null('" ~ structure ~ "')")) }}
{%- endmacro %}
