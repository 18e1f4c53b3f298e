{#-
  Slices of the report marts: the rows of one tenant, local day and manager. A report whose records changed is built anew
  in the slices that they stood in before and in those where they stand now.

  A slice's day is never NULL, as NULL is in no list: slice_day stands for it with the first day that ClickHouse knows.
-#}
{% macro slice_day(day) -%}
    coalesce({{ day }}, toDate32('1900-01-01'))
{%- endmacro %}

{#- The slices in which reports count a deal, as Array(Tuple(report, day, manager_id)). Args: `deal`, alias of its fact. -#}
{% macro slices_of_deal(deal) -%}
    arrayConcat(
        [tuple('sales_funnel', assumeNotNull({{ deal }}.created_day), assumeNotNull({{ deal }}.manager_id))],
        if(
            {{ deal }}.outcome = 'won',
            [tuple('sales_by_month', {{ slice_day(deal ~ '.closed_day') }}, assumeNotNull({{ deal }}.manager_id))],
            []
        ),
        if(
            {{ deal }}.is_direct,
            [tuple('lead_conversion', assumeNotNull({{ deal }}.created_day), assumeNotNull({{ deal }}.manager_id))],
            []
        )
    )
{%- endmacro %}

{#- The slices in which reports count a lead, as Array(Tuple(report, day, manager_id)). Args: `lead`, alias of its fact. -#}
{% macro slices_of_lead(lead) -%}
    arrayConcat(
        [
            tuple('leads_by_source', assumeNotNull({{ lead }}.created_day), assumeNotNull({{ lead }}.manager_id)),
            tuple('lead_conversion', assumeNotNull({{ lead }}.created_day), assumeNotNull({{ lead }}.manager_id))
        ],
        if(
            {{ lead }}.is_converted,
            [tuple('lead_conversion', {{ slice_day(lead ~ '.conversion_day') }}, assumeNotNull({{ lead }}.manager_id))],
            []
        )
    )
{%- endmacro %}

{#- The slices in which reports count an activity, as Array(Tuple(report, day, manager_id)). Args: `activity`, alias of its fact. -#}
{% macro slices_of_activity(activity) -%}
    if(
        {{ activity }}.is_completed or {{ activity }}.is_overdue_task,
        [
            tuple(
                'manager_activity',
                {{ slice_day('if(' ~ activity ~ '.is_completed, ' ~ activity ~ '.completed_day, ' ~ activity ~ '.due_day)') }},
                assumeNotNull({{ activity }}.manager_id)
            )
        ],
        []
    )
{%- endmacro %}

{#-
  The slices of a report that changed records of an entity stood in when it was last built, and those where they stand now.

  Args: `report`; `entity`: deals, leads or activities.
-#}
{% macro slices_of_changed_records(report, entity) -%}
    {%- set fact = ref('fct_' ~ entity) -%}
    {%- set slices = {
        'deals': slices_of_deal('fact'), 'leads': slices_of_lead('fact'), 'activities': slices_of_activity('fact')
    }[entity] -%}
    {%- set tenant, record = entity_key(entity) -%}
    select
        tenant_id,
        tupleElement(slice, 2) as day,
        tupleElement(slice, 3) as manager_id
    from (
        select tenant_id, arrayJoin(slices_before) as slice
        from {{ ref('int_changed_' ~ entity) }}
        union all
        select fact.tenant_id as tenant_id, arrayJoin({{ slices }}) as slice
        from {{ fact }} as fact
        where {{ only_changed(entity, ['fact.' ~ tenant, 'fact.' ~ record]) }}
    )
    where tupleElement(slice, 1) = '{{ report }}'
{%- endmacro %}

{#-
  The condition that a slice is among others, by a hash of 64 bits. A slice that has the hash of another one is built anew with
  it: what deletes and what makes the rows of a report ask by the same hash.
-#}
{% macro is_slice_among(day, slices) -%}
    tenant_id in (select tenant_id from {{ slices }})
    and {{ may_be_among(['tenant_id', slice_day(day), 'manager_id'], entity_key('slices'), slices) }}
{%- endmacro %}

{#-
  The condition that limits an input of a report to its changed slices, for its WHERE.

  Args: `day`, the expression of the day in the input, which has tenant_id and manager_id besides. Outside of a build it is
  `true`, as with `only_changed`.
-#}
{% macro only_changed_slices(day='day') -%}
    {%- if model.resource_type == 'unit_test' -%}
        true
    {%- else -%}
        {%- set changed = ref('int_changed_slices_of_' ~ model.name) -%}
        {%- if flags.WHICH in ['run', 'build', 'retry'] -%}
            /* changed keys */ {{ is_slice_among(day, changed) }} /* end of changed keys */
        {%- else -%}
            true
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{#-
  The same condition by the ids of deals, for a report whose record view joins: with it each side of the join reads only what
  the slices are made of.
-#}
{% macro only_deals_of_changed_slices() -%}
    {%- if model.resource_type == 'unit_test' -%}
        true
    {%- else -%}
        {%- set deals, changed = ref('fct_deals'), ref('int_changed_slices_of_' ~ model.name) -%}
        {%- if flags.WHICH in ['run', 'build', 'retry'] -%}
            /* changed keys */ {{ is_among(
                ['tenant_id', 'record_id'], ['tenant_id', 'deal_id'],
                deals ~ ' where ' ~ is_slice_among('created_day', changed)
            ) }} /* end of changed keys */
        {%- else -%}
            true
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{#-
  The slices of a report whose rows of zeros are no longer those that it was built with.

  A row that only zero rows made is told by its figures: every record adds 1 to at least one of them. Where a record stands
  in the same row, the row stays right without its zeros.

  Args: `report`; `zero_rows`, SQL of the zero rows as they ought to be; `columns`, names and types of what they alone
  decide, `figures`, names and types of what `made_of_zeros` asks for: whether a built row was made by zero rows alone,
  or has a figure (a plan) that comes from them.
-#}
{% macro slices_of_other_zero_rows(report, zero_rows, columns, figures, made_of_zeros) -%}
    {%- set columns_of_row = modules.re.findall('(?:^|, )([a-z_]+) [A-Z]', columns) -%}
    {%- set names = columns_of_row | join(', ') -%}
    select
        any(zero_rows.tenant_id) as tenant_id,
        {{ slice_day('any(zero_rows.day)') }} as slice_day,
        any(zero_rows.manager_id) as manager_id
    from (
        select {{ names }}, 1 as is_expected, 0 as is_built, 0 as is_needless from ({{ zero_rows }})
        union all
        select {{ names }}, 0 as is_expected, 1 as is_built, {{ made_of_zeros }} as is_needless
        from {{ as_built(report, columns ~ ', ' ~ figures) }}
    ) as zero_rows
    {#- By a hash, as grouping by the texts themselves costs six times as much; of 128 bits, which no two rows share. #}
    group by sipHash128(tuple(zero_rows.{{ columns_of_row | join(', zero_rows.') }}))
    having if(max(is_expected) = 1, max(is_built) = 0, max(is_needless) = 1)
{%- endmacro %}

{#- The type of the lists of slices that a changed key carries: report, day, manager. -#}
{% macro slices_type() -%}
    Array(Tuple(String, Date32, String))
{%- endmacro %}
