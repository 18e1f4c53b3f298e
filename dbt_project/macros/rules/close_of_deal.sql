{#-
  Whether the history tells a deal's close: it covers the deal, and the CRM has no close of its own that counts instead.

  A close that extraction itself observed is known only to lie before the load that saw it, so the CRM's own date or moment wins.
  Unless it is one that was left over: the deal was closed before, and the date is not later than that.
  Args: `closes`, the name of a relation of the columns of `last_runs`, NULL where the history does not cover the deal; the
  others are expressions.
-#}
{% macro close_is_by_history(closes, closed_on, closed_at, timezone) -%}
    {{ closes }}.deal_id is not null
    and (
        not {{ closes }}.is_observed
        or coalesce(
            if(
                {{ closed_on }} is not null,
                {{ closed_on }} <= {{ local_day(closes ~ '.closed_before_at', timezone) }},
                {{ closed_at }} <= {{ closes }}.closed_before_at
            ),
            {{ closed_on }} is null and {{ closed_at }} is null
        )
    )
{%- endmacro %}

{#- The moment of a deal's close: by its history where that tells it, else as the CRM says; NULL while it is open. -#}
{% macro closed_at(outcome, is_by_history, entered_outcome_at, closed_at) -%}
    multiIf(
        coalesce({{ outcome }}, '') not in ('won', 'lost'), null,
        {{ is_by_history }}, {{ entered_outcome_at }},
        {{ closed_at }}
    )
{%- endmacro %}

{#- The tenant-local day of a deal's close; a source's date is local already. -#}
{% macro closed_day(outcome, is_by_history, entered_outcome_at, closed_on, closed_at, timezone) -%}
    multiIf(
        coalesce({{ outcome }}, '') not in ('won', 'lost'), null,
        {{ is_by_history }}, {{ local_day(entered_outcome_at, timezone) }},
        {{ closed_on }} is not null, {{ closed_on }},
        {{ local_day(closed_at, timezone) }}
    )
{%- endmacro %}
