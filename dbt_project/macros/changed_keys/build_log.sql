{#-
  The log of builds, `ops.model_builds`: up to where each `changed_keys` model has followed its sources.

  `read_until` holds, per source table, the boundary of the last load that the build has seen (`until <table>`) and when that
  load was finished (`load <table>`), both in microseconds since 1970, and the number of the last change of a member (`members`).

  Beside it `ops.rebuilt_months`: when a report last built rows of a month anew; a whole build stands under the empty tenant. The
  restatement log compares no other months.
-#}
{% macro model_builds() -%}
    {{ return(generate_schema_name('ops', none) ~ '.model_builds') }}
{%- endmacro %}

{% macro rebuilt_months() -%}
    {{ return(generate_schema_name('ops', none) ~ '.rebuilt_months') }}
{%- endmacro %}

{#- Creates both logs; a hook at the start of each run. -#}
{% macro create_build_log() -%}
    {%- if execute and flags.WHICH in ['run', 'build', 'retry'] -%}
        {%- do run_query("create database if not exists " ~ generate_schema_name('ops', none) ~ on_each_replica()) -%}
        {%- do run_query(
            "create table if not exists " ~ model_builds() ~ on_each_replica() ~ " (relation String, entity LowCardinality(String), "
            ~ "definition String, reason_for_whole_build String, read_until Map(String, Int64), built_at DateTime64(6, 'UTC'), "
            ~ "invocation_id String) engine = " ~ ('Replicated' if on_each_replica() else '') ~ "MergeTree order by (relation, built_at)"
        ) -%}
        {%- do run_query(
            "create table if not exists " ~ rebuilt_months() ~ on_each_replica() ~ " (report LowCardinality(String), tenant_id String, "
            ~ "month Date32, built_at DateTime64(6, 'UTC')) engine = " ~ ('Replicated' if on_each_replica() else '')
            ~ "ReplacingMergeTree(built_at) order by (report, tenant_id, month)"
        ) -%}
    {%- endif -%}
{%- endmacro %}

{#- Logs a finished build with what its changed keys had been found by, once per entity that the model follows. -#}
{% macro log_build(relation, definition, reason) -%}
    {#- The keys of a try may not be there, and nothing follows it. -#}
    {%- if target.name == 'dev' %}{{ return('') }}{% endif -%}
    {%- if entity_of(model) == 'slices' %}{% do log_rebuilt_months(model.name, reason) %}{% endif -%}
    {%- do log_read(relation, followed_by(model).entities, definition, reason) -%}
{%- endmacro %}

{#- Logs the months of which a report's rows were built anew; before log_read, so that what is done again is logged again. -#}
{% macro log_rebuilt_months(report, reason) -%}
    {%- set months -%}
        {%- if reason -%}
            select '' as tenant_id, toDate32('1900-01-01') as month
        {%- else -%}
            select distinct tenant_id, {{ first_of_month('day') }} as month from {{ changed_keys_relation('slices_of_' ~ report) }}
        {%- endif -%}
    {%- endset -%}
    {%- do run_query(
        "insert into " ~ rebuilt_months() ~ " select '" ~ report ~ "', tenant_id, month, greatest(now64(6, 'UTC'), (select max(built_at) "
        ~ "+ toIntervalMicrosecond(1) from " ~ rebuilt_months() ~ " where report = '" ~ report ~ "')) from (" ~ months ~ ")"
    ) -%}
{%- endmacro %}

{#- Adds one row per entity to the log. Args: `name`, who has followed the sources. -#}
{% macro log_read(name, entities, definition, reason) -%}
    {%- set rows = [] -%}
    {%- for entity in entities -%}
        {%- do rows.append(
            "select '" ~ entity ~ "' as entity, any(read_until) as read_until from " ~ changed_keys_relation(entity)
            ~ " where tenant_id = ''"
        ) -%}
    {%- endfor -%}
    {#- Later than the build before, whatever the clock says: the last build is the one that counts. -#}
    {%- do run_query(
        "insert into " ~ model_builds() ~ " select '" ~ name ~ "', entity, '" ~ definition ~ "', '" ~ (reason or '')
        ~ "', read_until, greatest(now64(6, 'UTC'), (select max(built_at) + toIntervalMicrosecond(1) from " ~ model_builds()
        ~ " where relation = '" ~ name ~ "')), '" ~ invocation_id ~ "' from (" ~ rows | join(' union all ') ~ ")"
    ) -%}
{%- endmacro %}
