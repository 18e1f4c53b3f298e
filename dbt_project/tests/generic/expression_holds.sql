{#- Fails with the rows for which the expression is not true. -#}
{% test expression_holds(model, expression) %}
select *
from {{ model }}
where not ifNull({{ expression }}, false)
{% endtest %}
