{#-
  Fails with the rows whose combination of columns is not among those of another model; a row with an empty column keeps
  the rule. Unlike dbt's `relationships` it takes several columns, so that no reference crosses tenants.
-#}
{% test refers_to(model, columns, to, to_columns, where_holds='true') %}
select referring.*
from {{ model }} as referring
left anti join {{ to }} as referred
    on
        {% for column in columns -%}
        referring.{{ column }} = referred.{{ to_columns[loop.index0] }}
        {%- if not loop.last %} and {% endif %}
        {% endfor %}
where
    ({{ where_holds }})
    {% for column in columns -%}
    and referring.{{ column }} is not null
    {% endfor %}
{% endtest %}
