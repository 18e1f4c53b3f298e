{#-
  The log of builds, `ops.model_builds`: up to where each `changed_keys` model has followed its sources.

  `read_until` holds, per source table, the boundary of the last load that the build has seen (`until <table>`) and when that
  load was finished (`load <table>`), both in microseconds since 1970, and the number of the last change of a member (`members`).

  Beside it `ops.rebuilt_records`: by which records a report was built, and when; a whole build stands under the empty tenant. The
  restatement log compares no other records, and forgets those that it has compared.
-#}
{% macro model_builds() -%}
    {{ return(generate_schema_name('ops', none) ~ '.model_builds') }}
{%- endmacro %}

{% macro rebuilt_records() -%}
    {{ return(generate_schema_name('ops', none) ~ '.rebuilt_records') }}
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
            "create table if not exists " ~ rebuilt_records() ~ on_each_replica() ~ " (report LowCardinality(String), tenant_id String, "
            ~ "record_type LowCardinality(String), record_id String, built_at DateTime64(6, 'UTC')) engine = "
            ~ ('Replicated' if on_each_replica() else '') ~ "MergeTree order by (report, built_at, tenant_id)"
        ) -%}
        {#- A warehouse of an older version logged months: whatever of them was not compared yet, everything is compared once. -#}
        {%- set months = adapter.get_relation(database=none, schema=generate_schema_name('ops', none), identifier='rebuilt_months') -%}
        {%- if months is not none -%}
            {%- do run_query(
                "insert into " ~ rebuilt_records() ~ " select distinct report, '', '', '', now64(6, 'UTC') from " ~ months
            ) -%}
            {%- do run_query("drop table " ~ months ~ on_each_replica() ~ " sync") -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{#- Logs a finished build with what its changed keys had been found by, once per entity that the model follows. -#}
{% macro log_build(relation, definition, reason) -%}
    {#- The keys of a try may not be there, and nothing follows it. -#}
    {%- if target.name == 'dev' %}{{ return('') }}{% endif -%}
    {%- if entity_of(model) == 'slices' and is_restated(model.name) %}{% do log_rebuilt_records(model.name, reason) %}{% endif -%}
    {%- do log_read(relation, followed_by(model).entities, definition, reason) -%}
{%- endmacro %}

{#- Whether the restatement log watches a report, and so forgets what is logged of it: by a measure of its record view. -#}
{% macro is_restated(report) -%}
    {%- set measures = [] -%}
    {%- for node in graph.nodes.values() if node.config.get('meta', {}).get('records_of') == report -%}
        {%- for column in node.columns.values() if column.config.meta.get('kind') == 'measure' and column.config.meta.get('restated') -%}
            {%- do measures.append(column.name) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(measures | length > 0) }}
{%- endmacro %}

{#-
  Logs the records that a report was built by; before log_read, so that what is done again is logged again.

  These are the changed keys of all entities that the report follows: no other record can count differently than before.
-#}
{% macro log_rebuilt_records(report, reason) -%}
    {%- set records = [] -%}
    {%- for entity in ([] if reason else followed_by(model).entities) -%}
        {%- set tenant, id = entity_key(entity) -%}
        {%- do records.append(
            "select tenant_id, '" ~ {'deals': 'deal', 'leads': 'lead', 'activities': 'activity'}[entity] ~ "' as record_type, " ~ id
            ~ " as record_id from " ~ changed_rows_of(entity, report)
        ) -%}
    {%- endfor -%}
    {%- if reason -%}{%- do records.append("select '' as tenant_id, '' as record_type, '' as record_id") -%}{%- endif -%}
    {%- do run_query(
        "insert into " ~ rebuilt_records() ~ " select '" ~ report ~ "', tenant_id, record_type, record_id, greatest(now64(6, 'UTC'), "
        ~ "(select max(built_at) + toIntervalMicrosecond(1) from " ~ rebuilt_records() ~ " where report = '" ~ report ~ "')) from ("
        ~ records | join(' union all ') ~ ")"
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
