{#-
  What an `int_changed_<entity>` model asks before it looks for changed keys.

  Returns a dictionary:
    read_until: SQL of how far the sources reach now; measured before any row is read, so that a later load is seen next time.
    conditions: per source table, the condition on `loaded_at` of rows that some model of the entity has not seen yet.
    members: the number of the last change of a member that all models of the entity have seen.
    keeps: which keys found last time are kept, as SQL: those by which some model of the entity has not been built, or with
      which tests have not passed (see proven.sql). What they were found by may be gone, as the models that were built hold
      the new state.
    is_still_new: which of these a model has not been built by, as SQL.
  Nothing is new where no model of the entity has a table with a build on record: all of them will be built whole.
-#}
{% macro what_changed(entity) -%}
    {%- set loads, repairs, members = ref('stg_ops__loads'), ref('stg_ops__repairs'), ref('int_member_changes') -%}
    {%- if not execute or flags.WHICH not in ['run', 'build', 'retry'] -%}
        {{ return({
            'read_until': "cast(map() as Map(String, Int64))", 'conditions': _nothing_new(), 'members': 0,
            'keeps': 'false', 'is_still_new': 'false'
        }) }}
    {%- endif -%}
    {%- set newest_member = run_query("select max(number) from " ~ members).rows[0][0] -%}
    {%- set reach = ["'members', " ~ newest_member] -%}
    {%- set loaded -%}
        select
            table_name,
            toUnixTimestamp64Micro(argMax(loaded_until, finished_at)) as until,
            toUnixTimestamp64Micro(max(finished_at)) as load
        from {{ loads }}
        group by table_name
        order by table_name
    {%- endset -%}
    {%- for row in run_query(loaded).rows -%}
        {%- do reach.append("'until " ~ row[0] ~ "', " ~ row[1] ~ ", 'load " ~ row[0] ~ "', " ~ row[2]) -%}
    {%- endfor -%}
    {%- set read_until = "cast(map(" ~ reach | join(', ') ~ ") as Map(String, Int64))" -%}
    {#- Where there is no list to keep keys for the tests, they are found anew, from where the tests last passed. -#}
    {%- set has_list = as_built('int_changed_' ~ entity, 'is_new Bool') is not string -%}
    {%- set builds = _last_builds(entity, with_tests=not has_list) -%}
    {%- if not builds -%}
        {{ return({
            'read_until': read_until, 'conditions': _nothing_new(), 'members': newest_member,
            'keeps': 'false', 'is_still_new': 'false'
        }) }}
    {%- endif -%}
    {%- set models_lag = has_list and _lag(entity, builds) -%}
    {%- set tests_lag = has_list and _lag(entity, _last_tests(entity)) -%}
    {{ return({
        'read_until': read_until,
        'conditions': _conditions(builds, loads, repairs),
        'members': run_query("select min(read_until['members']) from (" ~ builds ~ ")").rows[0][0],
        'keeps': 'true' if tests_lag else 'is_new' if models_lag else 'false',
        'is_still_new': 'is_new' if models_lag else 'false',
    }) }}
{%- endmacro %}

{#- Returns conditions by which no row of any source is new. -#}
{% macro _nothing_new() -%}
    {%- set conditions = {} -%}
    {%- for table in ['deals', 'deal_stage_history', 'deal_owner_history', 'leads', 'activities'] -%}
        {%- do conditions.update({table: 'false'}) -%}
    {%- endfor -%}
    {{ return(conditions) }}
{%- endmacro %}

{#- Returns whether some of these builds were not made by the keys that were found last. -#}
{% macro _lag(entity, builds) -%}
    {%- set others -%}
        select count()
        from ({{ builds }})
        where toString(read_until) != (
            select toString(any(read_until)) from {{ changed_keys_relation(entity) }} where tenant_id = ''
        )
    {%- endset -%}
    {{ return(run_query(others).rows[0][0] > 0) }}
{%- endmacro %}

{#- Returns SQL of the last build of each model that follows the entity and has a table, or nothing. -#}
{% macro _last_builds(entity, with_tests) -%}
    {%- set names = [] -%}
    {%- for node in graph.nodes.values()
        if node.resource_type == 'model' and node.config.get('materialized') == 'changed_keys'
        and entity in followed_by(node).entities -%}
        {%- set relation = adapter.get_relation(database=none, schema=node.schema, identifier=node.alias) -%}
        {%- if relation is not none -%}{%- do names.append("'" ~ relation ~ "'") -%}{%- endif -%}
    {%- endfor -%}
    {%- if not names -%}{{ return('') }}{%- endif -%}
    {%- set builds = _builds_of(entity, names) -%}
    {%- if not run_query("select count() from (" ~ builds ~ ")").rows[0][0] -%}{{ return('') }}{%- endif -%}
    {{ return(builds ~ ' union all ' ~ _last_tests(entity) if with_tests else builds) }}
{%- endmacro %}

{#- Returns SQL of up to where the tests of the entity have passed: not only models follow the sources. -#}
{% macro _last_tests(entity) -%}
    {{ return(_builds_of(entity, ["'tests'"])) }}
{%- endmacro %}

{% macro _builds_of(entity, names) -%}
    {{ return(
        "select relation, argMax(read_until, built_at) as read_until from " ~ model_builds()
        ~ " where entity = '" ~ entity ~ "' and relation in (" ~ names | join(', ') ~ ") group by relation"
    ) }}
{%- endmacro %}

{#-
  Returns per source table the condition of rows that the models with these builds have not seen.

  A load stamps its rows with its boundary. Later loads have later boundaries, but for two cases: the boundary stands still
  while a transaction stays open, and it steps back where open transactions can no longer be seen and a lag is used.
-#}
{% macro _conditions(builds, loads, repairs) -%}
    {%- set since -%}
        with repairs as (
            select table_name, max(toUnixTimestamp64Micro(finished_at)) as repaired_at from {{ repairs }} group by table_name
        ),

        loads as (
            select
                loads.table_name as table_name,
                toUnixTimestamp64Micro(loads.loaded_until) as loaded_until,
                toUnixTimestamp64Micro(loads.finished_at) as finished_at,
                builds.relation as relation,
                builds.read_until[concat('until ', table_name)] as read_until_then,
                builds.read_until[concat('load ', table_name)] as load_then
            from {{ loads }} as loads
            cross join ({{ builds }}) as builds
        ),

        later as (
            select
                table_name,
                relation,
                any(read_until_then) as read_until,
                any(load_then) as load_read,
                minOrNullIf(loaded_until, finished_at > load_then) as later_until
            from loads
            group by table_name, relation
        )

        select
            later.table_name as table_name,
            toString(min(least(later.read_until, coalesce(later.later_until, later.read_until)))) as since,
            max(coalesce(later.later_until <= later.read_until, false) or coalesce(repairs.repaired_at > later.load_read, false))
                as is_inclusive
        from later
        left join repairs on later.table_name = repairs.table_name
        group by table_name
    {%- endset -%}
    {%- set conditions = _nothing_new() -%}
    {%- for row in run_query(since).rows -%}
        {%- do conditions.update({
            row[0]: "loaded_at " ~ ('>=' if row[2] else '>') ~ " fromUnixTimestamp64Micro(" ~ row[1] ~ ", 'UTC')"
        }) -%}
    {%- endfor -%}
    {{ return(conditions) }}
{%- endmacro %}
