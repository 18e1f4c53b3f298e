-- Grain: tenant, mart, month, measure, run and record: what one record did to a figure of a closed month.
with entries as (
    select
        tenant_id,
        mart,
        month,
        measure,
        detected_at,
        run_id,
        arrayJoin(records) as restated
    from {{ ref('stg_ops__restatements') }}
)

select
    tenant_id,
    mart,
    month,
    measure,
    tupleElement(restated, 'record_type') as record_type,
    tupleElement(restated, 'record_id') as record_id,
    tupleElement(restated, 'contribution_from') as contribution_from,
    tupleElement(restated, 'contribution_to') as contribution_to,
    arrayStringConcat(tupleElement(restated, 'place_from'), ', ') as place_from,
    arrayStringConcat(tupleElement(restated, 'place_to'), ', ') as place_to,
    tupleElement(restated, 'reason') as reason,
    detected_at,
    run_id
from entries
