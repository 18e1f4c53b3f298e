{#-
  The condition that a key of a tenant and an id is among others, told exactly, at a fraction of the cost of comparing texts.

  A tuple of texts costs four times a hash of 64 bits. So the id picks the blocks to read and leaves out most rows, a hash the
  rest of those that are not wanted, and the tuple decides. Only as arguments of `if` do the latter two keep their order: of
  conditions that are joined by `and` ClickHouse picks the first to ask.

  Args: `columns`, the expressions of the key; `keys`, the columns of the same types that it is looked for in; `rows`, where
  these are read: a relation, with a WHERE where it needs one. It is read three times.
-#}
{% macro is_among(columns, keys, rows) -%}
    {{ columns | last }} in (select {{ keys | last }} from {{ rows }})
    and if(
        {{ may_be_among(columns, keys, rows) }},
        ({{ columns | join(', ') }}) in (select {{ keys | join(', ') }} from {{ rows }}),
        false
    )
{%- endmacro %}

{#-
  The same where most keys are wanted, so that the tuple would be asked nearly always: by a hash of 128 bits, which no two keys
  of one warehouse share.
-#}
{% macro is_among_most(columns, keys, rows) -%}
    sipHash128({{ columns | join(', ') }}) in (select sipHash128({{ keys | join(', ') }}) from {{ rows }})
{%- endmacro %}

{#-
  The same by a hash of 64 bits alone: a row that has the hash of another key comes along. For where that does no harm, as a join
  asks again, or a key is only said to be worth a look. No block is left out, and `rows` are read once.
-#}
{% macro may_be_among(columns, keys, rows) -%}
    cityHash64({{ columns | join(', ') }}) in (select cityHash64({{ keys | join(', ') }}) from {{ rows }})
{%- endmacro %}
