{#- The median of exact decimals, halfway between the middle two and rounded half away from zero to the cent. -#}
{% macro median_of(value) -%}
    round(
        (
            toDecimal128(arraySort(groupArray({{ value }}))[intDiv(count() + 1, 2)], 4)
            + toDecimal128(arraySort(groupArray({{ value }}))[intDiv(count(), 2) + 1], 4)
        ) / 2,
        2
    )
{%- endmacro %}
