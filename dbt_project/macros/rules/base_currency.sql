{#- The rate of an amount's currency, from the last dated rate on or before the rate day; NULL where that is too old. -#}
{% macro exchange_rate(currency, tenant_currency, rate_day, rate_on, rate) -%}
    multiIf(
        {{ currency }} = {{ tenant_currency }}, toDecimal64(1, 8),
        dateDiff('day', {{ rate_on }}, {{ rate_day }}) <= {{ var('exchange_rate_max_age_days') }}, {{ rate }},
        null
    )
{%- endmacro %}

{#-
  An amount in the tenant's currency, to the cent. In 256 bits: an amount of 18 digits times a rate of 18 digits does not fit
  into fewer.
-#}
{% macro amount_base(amount, exchange_rate) -%}
    cast(
        round(cast({{ amount }} as Nullable(Decimal(76, 2))) * {{ exchange_rate }}, 2) as Nullable(Decimal(18, 2))
    )
{%- endmacro %}
