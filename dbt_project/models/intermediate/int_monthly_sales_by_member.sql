-- Grain: one row per tenant, dimension, member and month with a won deal: the fact that forecasts are held against.
with won as (
    select
        tenant_id,
        assumeNotNull({{ first_of_month('closed_day') }}) as month,
        department_id,
        manager_id,
        pipeline_id,
        source_id,
        sum(coalesce(amount_base, 0)) as amount
    from {{ ref('fct_deals') }}
    where outcome = 'won' and closed_day is not null
    group by tenant_id, month, department_id, manager_id, pipeline_id, source_id
)

select
    tenant_id,
    arrayJoin([
        ('tenant', ''),
        ('department', department_id),
        ('manager', manager_id),
        ('pipeline', pipeline_id),
        ('source', source_id)
    ]) as place,
    place.1 as dimension,
    place.2 as member_id,
    month,
    sum(amount) as amount
from won
group by tenant_id, place, month
