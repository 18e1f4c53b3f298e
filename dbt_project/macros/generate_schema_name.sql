{#-
  A model's database. In production exactly the one that its folder declares; under any other target that one behind the
  developer's prefix, `dev_<name>_`, which the profile's own database carries. A target without a prefix is refused: it would
  write over production.
-#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- set declared = (custom_schema_name or 'analytics') | trim -%}
    {%- if target.name == 'warehouse' -%}
        {{ return(declared) }}
    {%- endif -%}
    {%- if not modules.re.fullmatch('dev_[a-z][a-z0-9]*_analytics', target.schema) -%}
        {{ exceptions.raise_compiler_error(
            "target " ~ target.name ~ " would write into '" ~ target.schema ~ "': a development target needs a name of"
            ~ " letters and digits in DBT_DEVELOPER; `make dbt MODEL=... DEV=name` sets it"
        ) }}
    {%- endif -%}
    {{ return(target.schema[:-('analytics' | length)] ~ declared) }}
{%- endmacro %}
