-- Grain: one row per stage of a pipeline, archived stages included.
-- Deals and history rows may still name an archived stage, and its outcome still counts. FINAL would drop it with the
-- other tombstones.
select
    tenant_id,
    pipeline_id,
    id as stage_id,
    name as stage_name,
    cast(position as Int32) as stage_position,
    outcome,
    -- As wide as a percentage can be, whatever the CRM's own type: contracts further on rely on it.
    cast(probability as Nullable(Decimal(9, 4))) as win_probability_percent,
    _deleted = 0 as is_live
from {{ source('crm', 'stages') }}
order by _version desc, _extracted_at desc
limit 1 by tenant_id, pipeline_id, id
