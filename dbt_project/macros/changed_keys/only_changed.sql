{#-
  The condition that limits an input of a `changed_keys` model to the changed keys, for its WHERE or JOIN … ON.

  Args: `entity` that the model follows; `columns`, the expressions of its key in the input, tenant first. Outside of a build
  (unit tests, previews, docs) it is `true`: there the model is what it says, the whole.
-#}
{% macro only_changed(entity, columns) -%}
    {%- if model.resource_type == 'unit_test' -%}
        true
    {%- else -%}
        {%- set changed = ref('int_changed_' ~ entity) -%}
        {%- if flags.WHICH in ['run', 'build', 'retry'] -%}
            /* changed keys */ {{ is_among(columns, entity_key(entity), changed ~ ' where is_new') }} /* end of changed keys */
        {%- else -%}
            true
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{#-
  The condition that limits a history of deals to the changed deals, by the ids of its rows.

  The replica is ordered by them, so that only the rows in question are read and merged; the deal that they belong to now is
  asked for by `only_changed`.
-#}
{% macro only_changed_history(history, alias) -%}
    {%- if model.resource_type == 'unit_test' -%}
        true
    {%- else -%}
        {%- set versions, changed = ref('stg_crm__' ~ history ~ '_versions'), ref('int_changed_deals') -%}
        {%- if flags.WHICH in ['run', 'build', 'retry'] -%}
            {%- set key = entity_key('deals') %}
            /* changed keys */ {{ is_among(
                [alias ~ '.tenant_id', alias ~ '.history_id'], ['tenant_id', 'history_id'],
                versions ~ ' where ' ~ is_among(key, key, changed ~ ' where is_new')
            ) }} /* end of changed keys */
        {%- else -%}
            true
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{#-
  The condition that limits an input to the keys of another one that `only_changed` has limited, where a join will ask for the
  key again: the input follows another entity than the model, and without it the join would hold all of it in memory.

  Args: `columns`, the names of the key in both; `rows`, the other input.
-#}
{% macro only_joined_to(columns, rows) -%}
    {%- if model.resource_type != 'unit_test' and flags.WHICH in ['run', 'build', 'retry'] -%}
        /* changed keys */ {{ may_be_among(columns, columns, rows) }} /* end of changed keys */
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{#- Returns a model's SQL without the conditions of `only_changed`: the one that builds it whole. -#}
{% macro without_changed_keys(sql) -%}
    {{ return(modules.re.sub('(?s)/[*] changed keys [*]/.*?/[*] end of changed keys [*]/', 'true', sql)) }}
{%- endmacro %}

{#- Returns the columns of a key in the list of changed ones, the tenant first. -#}
{% macro entity_key(entity) -%}
    {{ return({
        'deals': ['tenant_id', 'deal_id'],
        'leads': ['tenant_id', 'lead_id'],
        'activities': ['tenant_id', 'activity_id'],
        'slices': ['tenant_id', 'day', 'manager_id'],
    }[entity]) }}
{%- endmacro %}

{#- Returns the expressions of the same key in the table of a model. -#}
{% macro model_key(entity) -%}
    {{ return(['tenant_id', slice_day('day'), 'manager_id'] if entity == 'slices' else entity_key(entity)) }}
{%- endmacro %}

{#- Returns where the keys that a model is built by are read: the list of its entity, or for a report of its slices. Args: `name`, of the model. -#}
{% macro changed_rows_of(entity, name) -%}
    {%- if entity == 'slices' -%}{{ return(changed_keys_relation('slices_of_' ~ name) | string) }}{%- endif -%}
    {{ return(changed_keys_relation(entity) ~ ' where is_new') }}
{%- endmacro %}

{#- Returns the entity whose list of changed keys a model is built by: reports are built by slices. -#}
{% macro entity_of(node) -%}
    {{ return(node.config.get('meta', {}).get('changed_by', 'slices')) }}
{%- endmacro %}

{#-
  Returns the entities whose changes a model follows: its own, or for a report those of the models that it is made of.
  For a report also the names of their tables.
-#}
{% macro followed_by(node) -%}
    {%- if entity_of(node) != 'slices' -%}{{ return({'entities': [entity_of(node)], 'tables': []}) }}{%- endif -%}
    {%- set above, entities, tables = [node.unique_id], [], [] -%}
    {%- for unused in graph.nodes -%}
        {%- if loop.index0 < above | length -%}
            {%- for parent in graph.nodes[above[loop.index0]].depends_on.nodes
                if parent in graph.nodes and parent not in above and not graph.nodes[parent].name.startswith('int_changed_') -%}
                {%- do above.append(parent) -%}
                {%- if graph.nodes[parent].config.materialized == 'changed_keys' -%}
                    {%- do entities.append(entity_of(graph.nodes[parent])) -%}
                    {%- do tables.append("'`" ~ graph.nodes[parent].schema ~ '`.`' ~ graph.nodes[parent].alias ~ "`'") -%}
                {%- endif -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return({'entities': entities | unique | list, 'tables': tables}) }}
{%- endmacro %}

{#- Returns the table of a list of changed keys, found without ref() as a materialization must not add dependencies. -#}
{% macro changed_keys_relation(list) -%}
    {%- set name = 'int_changed_' ~ list -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name == name -%}
        {{ return(adapter.get_relation(database=none, schema=node.schema, identifier=node.alias)) }}
    {%- endfor -%}
{%- endmacro %}
