-- Grain: one row per closed deal that has owner history: who owned it at the moment of its close, or at the end
-- of the day where only that is known.
-- Where every row is later than the close, the owner that the first row replaced.
with history as (
    select
        history.tenant_id as tenant_id,
        history.deal_id as deal_id,
        history.history_id as history_id,
        history.from_owner_user_id as from_owner_user_id,
        history.owner_user_id as owner_user_id,
        history.changed_at as changed_at,
        -- Where the CRM keeps the day of a close only, the owner at the end of that day.
        if(
            closes.closed_at is null,
            {{ local_day('history.changed_at', 'tenants.timezone') }} <= closes.closed_day,
            history.changed_at <= closes.closed_at
        ) as is_before_close
    from {{ ref('stg_crm__deal_owner_history') }} as history
    inner join {{ ref('int_deal_close_moments') }} as closes
        on history.tenant_id = closes.tenant_id and history.deal_id = closes.deal_id
    inner join {{ ref('stg_crm__tenants') }} as tenants on history.tenant_id = tenants.tenant_id
    where
        closes.closed_day is not null
        and {{ only_changed('deals', ['history.tenant_id', 'history.deal_id']) }}
        and {{ only_changed_history('deal_owner_history', 'history') }}
        and {{ only_changed('deals', ['closes.tenant_id', 'closes.deal_id']) }}
)

select
    tenant_id,
    deal_id,
    -- The tuple keeps a NULL owner: an aggregate function would skip the row instead.
    if(
        countIf(is_before_close) > 0,
        tupleElement(
            argMaxIf(
                tuple(owner_user_id), ({{ history_order('changed_at', 'history_id') }}), is_before_close
            ),
            1
        ),
        tupleElement(argMin(tuple(from_owner_user_id), ({{ history_order('changed_at', 'history_id') }})), 1)
    ) as owner_at_close_user_id,
    arraySort(groupArray(history_id)) as history_ids
from history
group by tenant_id, deal_id
