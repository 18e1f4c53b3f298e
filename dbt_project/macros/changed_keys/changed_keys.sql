{#-
  Materialization for heavy models: a build costs what changed since the last one, not what there is.

  The model is written as if it were always built whole. Where it reads a large input it adds `only_changed(…)`, which limits
  it to the keys of `int_changed_<entity>`; a whole build takes that condition out again. Settings: `meta.changed_by` is the
  entity (deals, leads, activities); the table has one or more rows per key of it. A model without it is a report, which is
  built by slices: `only_changed_slices()`.

  Built by changed keys, the table is first cloned (parts are linked, not copied), the changed keys are deleted from the
  clone and inserted anew, and the clone takes the table's place in one step: readers see the old rows or the new ones,
  and a build that breaks off leaves the table as it was. How far the build has read is logged after that, so a crash in
  between only means doing it again.

  In a cluster the clone is filled by the replica that the build talks to, which alone is sure to have all parts of the table,
  and the others take it over; a delete that each of them ran for itself might come after the insert.
-#}
{% materialization changed_keys, adapter='clickhouse' %}
    {%- set entity = entity_of(model) -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target = this.incorporate(type='table') -%}
    {%- set replacement = make_backup_relation(target, 'table') -%}
    {%- set whole_sql = without_changed_keys(sql) -%}
    {%- set definition = definition_of(whole_sql) -%}
    {%- set has_contract = config.get('contract').enforced -%}
    {%- if whole_sql == sql and flags.WHICH in ['run', 'build', 'retry'] -%}
        {%- do exceptions.raise_compiler_error(
            model.name ~ " is built by changed keys and limits no input to them; add only_changed(…), or only_changed_slices() to a"
            ~ " report that has a model int_changed_slices_of_" ~ model.name ~ ", or make it a table"
        ) -%}
    {%- endif -%}
    {%- set reason = why_built_whole(existing, entity, definition) -%}

    {{ drop_relation_if_exists(load_cached_relation(replacement)) }}
    {{ run_hooks(pre_hooks) }}

    {% if existing is none %}
        {% call statement('main') %}{{ get_create_table_as_sql(False, target, whole_sql) }}{% endcall %}
    {% elif existing.type == 'view' %}
        {% call statement('main') %}{{ get_create_table_as_sql(False, replacement, whole_sql) }}{% endcall %}
        {#- A table cannot be exchanged with a view: for a moment there is neither. -#}
        {{ drop_relation_if_exists(existing) }}
        {% do adapter.rename_relation(replacement, target) %}
    {% elif not existing.can_exchange or existing.type != 'table' %}
        {% do exceptions.raise_compiler_error(existing ~ " cannot be exchanged; drop it, or keep it in a database of engine Atomic") %}
    {% elif reason %}
        {% call statement('main') %}{{ get_create_table_as_sql(False, replacement, whole_sql) }}{% endcall %}
        {% do exchange_tables_atomic(replacement, existing) %}
    {% else %}
        {%- set rows = changed_rows_of(entity, model.name) -%}
        {% do clickhouse__create_empty_table(False, replacement, whole_sql, has_contract) %}
        {% do run_query("alter table " ~ replacement ~ " attach partition all from " ~ existing) %}
        {% do run_query(
            "delete from " ~ replacement ~ " where "
            ~ (is_slice_among('day', rows) if entity == 'slices' else is_among(entity_key(entity), entity_key(entity), rows))
        ) %}
        {% call statement('main') %}{{ clickhouse__insert_into(replacement, sql, has_contract) }}{% endcall %}
        {% do exchange_tables_atomic(replacement, existing) %}
    {% endif %}
    {% do log_build(target, definition, reason) %}

    {% do apply_grants(target, config.get('grants'), should_revoke=should_revoke(existing, full_refresh_mode=True)) %}
    {% do persist_docs(target, model) %}
    {{ run_hooks(post_hooks) }}
    {% do adapter.commit() %}
    {{ drop_relation_if_exists(replacement) }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}

{#- Returns why a model must be built whole, or an empty text where building its changed keys is right and pays. -#}
{% macro why_built_whole(existing, entity, definition) %}
    {%- if existing is none %}{{ return('there is no table yet') }}{% endif -%}
    {%- if existing.type == 'view' %}{{ return('it was a view') }}{% endif -%}
    {%- if should_full_refresh() %}{{ return('asked for') }}{% endif -%}
    {%- if target.name == 'dev' %}{{ return('an analyst tries it: keys change with production, not with the try') }}{% endif -%}
    {%- set last = run_query(
        "select argMax(definition, built_at) from " ~ model_builds() ~ " where relation = '" ~ this
        ~ "' having count() > 0"
    ).rows -%}
    {%- if not last %}{{ return('no build is on record') }}{% endif -%}
    {%- if last[0][0] != definition %}{{ return('the model was edited') }}{% endif -%}
    {#- Then slices that its records left are not known. -#}
    {%- set tables = followed_by(model).tables -%}
    {%- if tables and run_query(
        "select count() from " ~ model_builds() ~ " where relation in (" ~ tables | join(', ') ~ ") and reason_for_whole_build != ''"
        ~ " and built_at > (select max(built_at) from " ~ model_builds() ~ " where relation = '" ~ this ~ "')"
    ).rows[0][0] -%}
        {{ return('a model above was built whole') }}
    {%- endif -%}
    {%- set changed = run_query("select count() from " ~ changed_rows_of(entity, model.name)).rows[0][0] -%}
    {#- A key has fewer than a hundred rows on average, so these are few; to count the keys would be to read them all. -#}
    {%- if changed * 300 < run_query(
        "select sum(total_rows) from system.tables where database = '" ~ this.schema ~ "' and name = '" ~ this.identifier ~ "'"
    ).rows[0][0] -%}
        {{ return('') }}
    {%- endif -%}
    {%- set keys = run_query("select uniq(" ~ model_key(entity) | join(', ') ~ ") from " ~ existing).rows[0][0] -%}
    {#- Above that, sorting out the changed rows costs more than making all of them. -#}
    {%- if changed * 3 > keys %}{{ return('a third of the keys changed') }}{% endif -%}
    {{ return('') }}
{% endmacro %}

{#-
  Returns a fingerprint of what makes a model's rows: its SQL and, as that reads other models, the files of all above it.

  A macro that only those use is not seen: after a change of one, build with `--full-refresh`.
-#}
{% macro definition_of(whole_sql) %}
    {%- set above, files = [model.unique_id], [] -%}
    {%- for unused in graph.nodes -%}
        {%- if loop.index0 < above | length -%}
            {%- for parent in graph.nodes[above[loop.index0]].depends_on.nodes
                if parent in graph.nodes and parent not in above
                and graph.nodes[parent].config.get('materialized') not in ['incremental', 'seed']
                and not graph.nodes[parent].name.startswith('int_changed_') -%}
                {%- do above.append(parent) -%}
                {%- do files.append(graph.nodes[parent].checksum.checksum) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
    {#- The contract holds the types of the table; of other types or partitions the clone could not take over its parts. -#}
    {%- set table = [config.get('order_by'), config.get('partition_by'), config.get('engine'), model.contract.checksum] | select -%}
    {{ return(local_md5(whole_sql ~ table | join(' ') ~ files | sort | join(' '))) }}
{% endmacro %}
