-- Grain: one row per closed deal that has owner history: who owned it at the moment of its close.
-- Where every row is later than the close, the owner that the first row replaced.
with history as (
    select
        history.tenant_id as tenant_id,
        history.deal_id as deal_id,
        history.history_id as history_id,
        history.from_owner_user_id as from_owner_user_id,
        history.owner_user_id as owner_user_id,
        history.changed_at as changed_at,
        closes.closed_at as closed_at
    from {{ ref('stg_crm__deal_owner_history') }} as history
    inner join {{ ref('int_deal_close_moments') }} as closes
        on history.tenant_id = closes.tenant_id and history.deal_id = closes.deal_id
    where
        closes.closed_at is not null
        and {{ only_changed('deals', ['history.tenant_id', 'history.deal_id']) }}
        and {{ only_changed_history('deal_owner_history', 'history') }}
        and {{ only_changed('deals', ['closes.tenant_id', 'closes.deal_id']) }}
)

select
    tenant_id,
    deal_id,
    -- The tuple keeps a NULL owner: an aggregate function would skip the row instead.
    if(
        countIf(changed_at <= closed_at) > 0,
        tupleElement(
            argMaxIf(
                tuple(owner_user_id), ({{ history_order('changed_at', 'history_id') }}), changed_at <= closed_at
            ),
            1
        ),
        tupleElement(argMin(tuple(from_owner_user_id), ({{ history_order('changed_at', 'history_id') }})), 1)
    ) as owner_at_close_user_id,
    arraySort(groupArray(history_id)) as history_ids
from history
group by tenant_id, deal_id
