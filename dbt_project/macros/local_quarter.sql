{#- Which quarter of an hour of the tenant-local day a UTC timestamp lies in, 0 to 95. -#}
{% macro local_quarter(timestamp, timezone) -%}
    toUInt8(
        toUInt16(formatDateTime({{ timestamp }}, '%H', {{ timezone }})) * 4
        + intDiv(toUInt16(formatDateTime({{ timestamp }}, '%i', {{ timezone }})), 15)
    )
{%- endmacro %}
