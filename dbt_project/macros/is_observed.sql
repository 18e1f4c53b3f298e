{#-
  Whether a row of the replica of deal_stage_history was recorded by extraction, which saw the change itself: it gives its
  rows no version and this id.
-#}
{% macro is_observed() -%}
    _version = 0 and id = concat(deal_id, '-', toString(toUnixTimestamp64Micro(changed_at)))
{%- endmacro %}
