{#-
  Fails with the rows whose combination of columns is not among those of another model; a row with an empty column keeps
  the rule. Unlike dbt's `relationships` it takes several columns, so that no reference crosses tenants.

  Combinations are compared by a hash of 64 bits, which takes a fraction of the memory and time of a join. That a missing one
  has the hash of another is as likely as one in a million for tens of millions of rows.
-#}
{% test refers_to(model, columns, to, to_columns, where_holds='true') %}
select referring.*
from {{ model }} as referring
where
    cityHash64({{ 'referring.' ~ columns | join(', referring.') }})
    not in (select cityHash64({{ to_columns | join(', ') }}) from {{ to }})
    and ({{ where_holds }})
    {% for column in columns -%}
    and referring.{{ column }} is not null
    {% endfor %}
{% endtest %}
