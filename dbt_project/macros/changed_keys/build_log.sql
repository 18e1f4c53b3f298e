{#-
  The log of builds, `ops.model_builds`: up to where each `changed_keys` model has followed its sources.

  `read_until` holds, per source table, the boundary of the last load that the build has seen (`until <table>`) and when that
  load was finished (`load <table>`), both in microseconds since 1970, and the number of the last change of a member (`members`).
-#}
{% macro model_builds() -%}
    {{ return(generate_schema_name('ops', none) ~ '.model_builds') }}
{%- endmacro %}

{#- Creates the log; a hook at the start of each run. -#}
{% macro create_build_log() -%}
    {%- if execute and flags.WHICH in ['run', 'build', 'retry'] -%}
        {%- do run_query("create database if not exists " ~ generate_schema_name('ops', none)) -%}
        {%- do run_query(
            "create table if not exists " ~ model_builds() ~ " (relation String, entity LowCardinality(String), "
            ~ "definition String, reason_for_whole_build String, read_until Map(String, Int64), built_at DateTime64(6, 'UTC'), "
            ~ "invocation_id String) engine = MergeTree order by (relation, built_at)"
        ) -%}
    {%- endif -%}
{%- endmacro %}

{#- Logs a finished build with what its changed keys had been found by. -#}
{% macro log_build(relation, entity, definition, reason) -%}
    {#- The keys of a try may not be there, and nothing follows it. -#}
    {%- if target.name == 'dev' %}{{ return('') }}{% endif -%}
    {#- Later than the build before, whatever the clock says: the last build is the one that counts. -#}
    {%- do run_query(
        "insert into " ~ model_builds() ~ " select '" ~ relation ~ "', '" ~ entity ~ "', '" ~ definition ~ "', '"
        ~ (reason or '') ~ "', (select any(read_until) from " ~ changed_keys_relation(entity) ~ " where tenant_id = ''), "
        ~ "greatest(now64(6, 'UTC'), (select max(built_at) + toIntervalMicrosecond(1) from " ~ model_builds()
        ~ " where relation = '" ~ relation ~ "')), '" ~ invocation_id ~ "'"
    ) -%}
{%- endmacro %}
