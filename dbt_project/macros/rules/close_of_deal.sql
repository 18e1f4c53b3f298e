{#- The moment of a deal's close: by its history where that covers it, else as the CRM says; NULL while it is open. -#}
{% macro closed_at(outcome, covered, entered_outcome_at, closed_at) -%}
    multiIf(
        coalesce({{ outcome }}, '') not in ('won', 'lost'), null,
        {{ covered }}, {{ entered_outcome_at }},
        {{ closed_at }}
    )
{%- endmacro %}

{#- The tenant-local day of a deal's close; a source's date is local already. -#}
{% macro closed_day(outcome, covered, entered_outcome_at, closed_on, closed_at, timezone) -%}
    multiIf(
        coalesce({{ outcome }}, '') not in ('won', 'lost'), null,
        {{ covered }}, {{ local_day(entered_outcome_at, timezone) }},
        {{ closed_on }} is not null, {{ closed_on }},
        {{ local_day(closed_at, timezone) }}
    )
{%- endmacro %}
