{#-
  Tests that look at each row, or at the rows of one key, look only at the keys that changed since they last passed: the rest
  is as it was proven then. What they say stays true of the whole table:

  - All of them passed, all at once, is logged in `ops.model_builds` as a build of `tests`. Until then the keys stay in the
    list of changed ones, whatever failed or was left out (`hourly` runs no tests); models are not built by them again (`is_new`).
  - A table that was built whole since then is tested whole, and so is a view over it; so is everything where a test was added or
    a tested model was edited, with `--full-refresh`, by `dbt test`, and in an analyst's own schema.
  - Tests that look elsewhere (references, sums over several keys) and warnings, whose count is of interest, stay whole.
-#}
{% macro clickhouse__get_where_subquery(relation) -%}
    {%- set conditions = [config.get('where', ''), only_unproven()] | select | list -%}
    {%- if not conditions -%}{{ return(relation) }}{%- endif -%}
    {{ return('(select * from ' ~ relation ~ ' where (' ~ conditions | join(') and (') ~ ')) dbt_subquery') }}
{%- endmacro %}

{#- Returns the entity by whose changed keys a test is limited, or nothing. -#}
{% macro proven_by(node) -%}
    {%- set followed = {
        'stg_crm__deals': 'deals', 'stg_crm__leads': 'leads', 'stg_crm__activities': 'activities',
        'stg_crm__deal_stage_history': 'deals', 'stg_crm__deal_owner_history': 'deals', 'fct_deal_outcomes': 'deals',
        'int_deal_close_moments': 'deals', 'int_deal_history_closes': 'deals', 'int_deal_owners_at_close': 'deals',
        'int_deal_reached_positions': 'deals', 'int_deal_stage_entries': 'deals', 'int_lead_conversions': 'leads',
        'fct_deals': 'deals', 'fct_deal_stages': 'deals', 'fct_leads': 'leads', 'fct_activities': 'activities',
    } -%}
    {%- if node.resource_type != 'test' or not node.test_metadata
        or node.test_metadata.name not in ['unique_combination', 'expression_holds', 'not_null', 'accepted_values'] -%}
        {{ return('') }}
    {%- endif -%}
    {%- set tested = modules.re.findall("ref[(]'([a-z_]+)'[)]", node.test_metadata.kwargs.model) -%}
    {{ return(followed.get(tested[0], '') if tested else '') }}
{%- endmacro %}

{#- Returns the tests that are limited by the changed keys of an entity, in their order. -#}
{% macro proving_tests(entity) -%}
    {%- set tests = [] -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'test' and node.config.severity | lower == 'error' -%}
        {%- if proven_by(node) == entity -%}{%- do tests.append(node.unique_id) -%}{%- endif -%}
    {%- endfor -%}
    {{ return(tests | sort) }}
{%- endmacro %}

{#- Returns a fingerprint of these tests and of the models that they test. -#}
{% macro definition_of_proof(tests) -%}
    {%- set parts = [] -%}
    {%- for test in tests -%}
        {%- do parts.append(test ~ ' ' ~ graph.nodes[graph.nodes[test].attached_node].checksum.checksum) -%}
    {%- endfor -%}
    {{ return(local_md5(parts | join(' '))) }}
{%- endmacro %}

{#- Returns the condition that limits the present test to the keys that are not proven, or nothing where all are to be tested. -#}
{% macro only_unproven() -%}
    {%- set entity = proven_by(model) -%}
    {%- if not entity -%}{{ return('') }}{%- endif -%}
    {%- set changed = ref('int_changed_' ~ entity) -%}
    {%- set history = modules.re.findall("ref[(]'stg_crm__(deal_[a-z]+_history)'[)]", model.test_metadata.kwargs.model) -%}
    {%- set versions = ref('stg_crm__' ~ history[0] ~ '_versions') if history else none -%}
    {%- if not execute or flags.WHICH not in ['build', 'retry'] or flags.FULL_REFRESH or target.name == 'dev' -%}
        {{ return('') }}
    {%- endif -%}
    {%- set tests = proving_tests(entity) -%}
    {%- set tested = graph.nodes[model.attached_node] -%}
    {%- set tables = followed_by(tested).tables + ["'`" ~ tested.schema ~ '`.`' ~ tested.alias ~ "`'"] -%}
    {%- if model.unique_id not in tests or not run_query(
        "select count() from " ~ model_builds() ~ " where relation = 'tests' and entity = '" ~ entity ~ "' and definition = '"
        ~ definition_of_proof(tests) ~ "' and built_at > (select max(built_at) from " ~ model_builds()
        ~ " where relation in (" ~ tables | join(', ') ~ ") and reason_for_whole_build != '')"
    ).rows[0][0] -%}
        {{ return('') }}
    {%- endif -%}
    {%- set is_changed = is_among(entity_key(entity), entity_key(entity), changed) -%}
    {%- if history -%}
        {#- By the ids of its rows: a row of a changed deal may have a twin under another one. -#}
        {%- set id = ['tenant_id', 'history_id'] -%}
        {{ return(is_among(id, id, versions ~ ' where ' ~ is_changed)) }}
    {%- endif -%}
    {{ return(is_changed) }}
{%- endmacro %}

{#- Logs, at the end of a run, the entities of which all these tests passed. -#}
{% macro log_proven(results) -%}
    {%- if not execute or flags.WHICH not in ['build', 'retry'] or target.name == 'dev' -%}{{ return('') }}{%- endif -%}
    {%- set passed = results | selectattr('status', 'equalto', 'pass') | map(attribute='node.unique_id') | list -%}
    {%- for entity in ['deals', 'leads', 'activities'] -%}
        {%- set tests = proving_tests(entity) -%}
        {%- if tests and not tests | reject('in', passed) | list -%}
            {%- do log_read('tests', [entity], definition_of_proof(tests), '') -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}
