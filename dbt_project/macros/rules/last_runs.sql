{#-
  Per deal, the last stage of its history and the beginning of the unbroken run of entries with that stage's outcome.

  Args: `entries`, a relation of tenant_id, deal_id, ordinal, pipeline_id, stage_id, entered_at, outcome, is_observed; an entry
  that is inferred, not recorded, has ordinal 0.
  Columns: tenant_id, deal_id, last_pipeline_id, last_stage_id, entered_outcome_at, is_observed (whether extraction recorded the
  beginning when it saw it), closed_before_at (of the runs before, the last moment at which the deal is known to have been closed
  or just reopened; NULL where it never was).
-#}
{% macro last_runs(entries) -%}
    select
        tenant_id,
        deal_id,
        argMax(pipeline_id, ordinal) as last_pipeline_id,
        argMax(stage_id, ordinal) as last_stage_id,
        minIf(entered_at, ordinal >= run_begins_at and ordinal > 0) as entered_outcome_at,
        argMinIf(is_observed, ordinal, ordinal >= run_begins_at and ordinal > 0) as is_observed,
        maxOrNullIf(
            entered_at, ordinal < run_begins_at and (outcome in ('won', 'lost') or outcome_before in ('won', 'lost'))
        ) as closed_before_at
    from (
        select
            tenant_id,
            deal_id,
            ordinal,
            pipeline_id,
            stage_id,
            entered_at,
            outcome,
            is_observed,
            outcome_before,
            max(if(outcome != last_outcome, ordinal + 1, 0)) over (partition by tenant_id, deal_id) as run_begins_at
        from (
            select
                tenant_id,
                deal_id,
                ordinal,
                pipeline_id,
                stage_id,
                entered_at,
                outcome,
                is_observed,
                lagInFrame(outcome) over (
                    partition by tenant_id, deal_id
                    order by ordinal
                    rows between unbounded preceding and unbounded following
                ) as outcome_before,
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
