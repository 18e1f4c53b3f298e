-- Grain: one row per event that a reader has judged, as it was judged last.
select
    tenant_id,
    event_id,
    is_false_positive,
    marked_by,
    note,
    marked_at
from {{ source('ml', 'anomaly_feedback') }}
