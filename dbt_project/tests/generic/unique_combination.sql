{#-
  Fails with the combinations of columns that occur more than once: the declared grain is broken.

  Looked for by a hash first, as grouping by one number costs a sixth of grouping by the strings themselves, then told exactly.
-#}
{% test unique_combination(model, columns) %}
{%- set combination = columns | join(', ') -%}
{#- Of a tuple, as the hash of a NULL itself is NULL, and a NULL is never among others. -#}
{%- set hash = 'cityHash64(tuple(' ~ combination ~ '))' %}
select
    {{ combination }},
    count() as row_count
from {{ model }}
where {{ hash }} in (
    select {{ hash }} as combination_hash
    from {{ model }}
    group by combination_hash
    having count() > 1
)
group by {{ combination }}
having row_count > 1
{% endtest %}
