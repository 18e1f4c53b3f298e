{#-
  Per deal, the last stage of its history and the beginning of the unbroken run of entries with that stage's outcome.

  Args: `entries`, a relation of tenant_id, deal_id, ordinal, pipeline_id, stage_id, entered_at, outcome: recorded entries only.
  Columns: tenant_id, deal_id, last_pipeline_id, last_stage_id, entered_outcome_at.
-#}
{% macro last_runs(entries) -%}
    select
        tenant_id,
        deal_id,
        argMax(pipeline_id, ordinal) as last_pipeline_id,
        argMax(stage_id, ordinal) as last_stage_id,
        minIf(entered_at, ordinal > run_broken_at) as entered_outcome_at
    from (
        select
            tenant_id,
            deal_id,
            ordinal,
            pipeline_id,
            stage_id,
            entered_at,
            max(if(outcome != last_outcome, ordinal, 0)) over (partition by tenant_id, deal_id) as run_broken_at
        from (
            select
                tenant_id,
                deal_id,
                ordinal,
                pipeline_id,
                stage_id,
                entered_at,
                outcome,
                last_value(outcome) over (
                    partition by tenant_id, deal_id
                    order by ordinal
                    rows between unbounded preceding and unbounded following
                ) as last_outcome
            from {{ entries }}
        )
    )
    group by tenant_id, deal_id
{%- endmacro %}
