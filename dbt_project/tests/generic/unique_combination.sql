{#- Fails with the combinations of columns that occur more than once: the declared grain is broken. -#}
{% test unique_combination(model, columns) %}
select
    {{ columns | join(', ') }},
    count() as row_count
from {{ model }}
group by {{ columns | join(', ') }}
having row_count > 1
{% endtest %}
