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
            /* changed keys */ ({{ columns | join(', ') }}) in (
                select {{ entity_key(entity) | join(', ') }} from {{ changed }}
            ) /* end of changed keys */
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
            /* changed keys */ ({{ alias }}.tenant_id, {{ alias }}.history_id) in (
                select tenant_id, history_id from {{ versions }}
                where (tenant_id, deal_id) in (select tenant_id, deal_id from {{ changed }})
            ) /* end of changed keys */
        {%- else -%}
            true
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{#- Returns a model's SQL without the conditions of `only_changed`: the one that builds it whole. -#}
{% macro without_changed_keys(sql) -%}
    {{ return(modules.re.sub('(?s)/[*] changed keys [*]/.*?/[*] end of changed keys [*]/', 'true', sql)) }}
{%- endmacro %}

{#- Returns the columns of an entity's key, the tenant first. -#}
{% macro entity_key(entity) -%}
    {{ return({
        'deals': ['tenant_id', 'deal_id'],
        'leads': ['tenant_id', 'lead_id'],
        'activities': ['tenant_id', 'activity_id'],
    }[entity]) }}
{%- endmacro %}

{#- Returns the table of an entity's changed keys, found without ref() as a materialization must not add dependencies. -#}
{% macro changed_keys_relation(entity) -%}
    {%- set name = 'int_changed_' ~ entity -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name == name -%}
        {{ return(adapter.get_relation(database=none, schema=node.schema, identifier=node.alias)) }}
    {%- endfor -%}
{%- endmacro %}
