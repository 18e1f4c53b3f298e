{#-
  The rows of a relation whose key is among others, for the right side of a join: a join holds that side in memory, and of a
  large relation few rows are asked for. A row with the hash of another key comes along, as the join asks again.

  Args: `id`, the column that makes the key together with tenant_id; `keys`, where the keys are read.
-#}
{% macro rows_among(relation, id, keys) -%}
    select * from {{ relation }}
    where {{ may_be_among(['tenant_id', id], ['tenant_id', id], keys) }}
{%- endmacro %}
