{#-
  The tenant-local calendar day of a UTC timestamp, as Date32.

  toTimeZone(ts, timezone) must not be used for it: with a time zone that differs from row to row ClickHouse accepts it
  (allow_nonconst_timezone_arguments) but silently returns days of UTC. formatDateTime honours the zone of each row.
-#}
{% macro local_day(timestamp, timezone) -%}
    toDate32(formatDateTime({{ timestamp }}, '%F', {{ timezone }}))
{%- endmacro %}
