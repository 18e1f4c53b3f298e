{#-
  The condition that a key is among others, at a fraction of the cost of comparing texts.

  A hash of 64 bits leaves out almost every row that is not wanted, for a quarter of what a tuple of texts costs; the tuple
  decides of the rest, and picks the blocks to read. That it is asked of the rest alone is a setting of profiles.yml.

  Args: `columns`, the expressions of the key; `keys`, the columns of the same types that it is looked for in; `rows`, where
  these are read: a relation, with a WHERE where it needs one. It is read twice.
-#}
{% macro is_among(columns, keys, rows) -%}
    {{ may_be_among(columns, keys, rows) }}
    and ({{ columns | join(', ') }}) in (select {{ keys | join(', ') }} from {{ rows }})
{%- endmacro %}

{#-
  The same by the hash alone: a row that has the hash of another key comes along. For where that does no harm, as a join
  asks again, or a key is only said to be worth a look. No block is left out, and `rows` are read once.
-#}
{% macro may_be_among(columns, keys, rows) -%}
    cityHash64({{ columns | join(', ') }}) in (select cityHash64({{ keys | join(', ') }}) from {{ rows }})
{%- endmacro %}
