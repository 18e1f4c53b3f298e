{#-
  The order of a deal's history rows: by moment, then by id. Ids are strings; the shorter one first puts numeric ids in
  numeric order.
-#}
{% macro history_order(changed_at, history_id) -%}
    {{ changed_at }}, length({{ history_id }}), {{ history_id }}
{%- endmacro %}
