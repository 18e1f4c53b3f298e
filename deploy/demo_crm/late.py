"""A transaction that stamps rows early in the coming day and commits when the caller says so.

It stands for what a live CRM does all the time: `updated_at` is set when a row is written, but nobody else sees the row
until the transaction ends. A day played meanwhile neither waits for it nor touches its rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from psycopg.pq import TransactionStatus

from deploy.demo_crm.ongoing import LATE_IDS, LATE_MODULUS, LATE_REMAINDER
from deploy.demo_crm.rows import copy_records
from deploy.demo_crm.storage import Connection, DemoError, read_as_of

_IDS_PER_COMMIT = 100


@dataclass(frozen=True)
class LateCommit:
    """An open transaction.

    Attributes:
        stamped_at: `updated_at` of its rows.
        inserted: id of the new lead, deal, history row and activity, by table.
        updated: ids of the older deals whose amount it changes.
    """

    connection: Connection
    stamped_at: datetime
    inserted: dict[str, int]
    updated: list[int]

    def commit(self) -> None:
        """Make the rows visible to everybody."""
        self.connection.execute("commit")

    def rollback(self) -> None:
        """Forget the rows."""
        self.connection.execute("rollback")


def begin_late_commit(
    connection: Connection, *, number: int = 0, minutes: float = 5, stamp: Literal["day", "now"] = "day"
) -> LateCommit:
    """Write a new lead with its deal and a call, and new amounts of older deals, without committing.

    Args:
        connection: of its own, in autocommit mode and without an open transaction; it stays occupied until the end.
        number: tells transactions apart that are open at the same time (0, 1, 2, ...).
        minutes: how early in the coming day the rows are stamped.
        stamp: "now" stamps them with the clock's time instead.

    Raises:
        DemoError: the connection is not in autocommit mode or busy, or there is no demo.
    """
    if not connection.autocommit or connection.info.transaction_status != TransactionStatus.IDLE:
        raise DemoError("a late commit needs a connection of its own, in autocommit mode and outside a transaction")
    at = read_as_of(connection) + timedelta(minutes=minutes)
    connection.execute("begin")
    try:
        if stamp == "now":
            at = connection.execute("select clock_timestamp()").fetchall()[0][0]
        inserted = _insert(connection, at, number)
        updated = connection.execute(
            "update deals set amount = amount + 1, updated_at = %(at)s where id in ("
            " select id from deals where id %% %(modulus)s = %(remainder)s and id < %(late)s and amount > 0"
            " and deleted_at is null order by id limit 3 offset %(offset)s) returning id",
            {
                "at": at,
                "modulus": LATE_MODULUS,
                "remainder": LATE_REMAINDER,
                "late": LATE_IDS,
                "offset": 3 * number,
            },
        ).fetchall()
    except BaseException:
        connection.execute("rollback")
        raise
    return LateCommit(connection, at, inserted, sorted(id_ for (id_,) in updated))


def _insert(connection: Connection, at: datetime, number: int) -> dict[str, int]:
    tenant, pipeline, owner, company = connection.execute(
        """
        select tenant_id, pipeline_id, owner_user_id, company_id from deals
        where id %% %s = %s and owner_user_id is not null and company_id is not null and deleted_at is null
        order by id limit 1
        """,
        [LATE_MODULUS, LATE_REMAINDER],
    ).fetchall()[0]
    highest = connection.execute("select greatest(max(id) + 1, %s) from deals", [LATE_IDS]).fetchall()[0][0]
    id_ = highest + number * _IDS_PER_COMMIT
    row = {"id": id_, "tenant_id": tenant, "updated_at": at}
    made = {**row, "created_at": at}
    lead = {**made, "title": "Late commit", "status": "converted", "owner_user_id": owner, "company_id": company}
    deal = {
        **made,
        "title": "Late commit",
        "pipeline_id": pipeline,
        "stage_id": "new",
        "owner_user_id": owner,
        "company_id": company,
        "lead_id": id_,
        "amount": 1000,
        "currency": connection.execute("select currency from tenants where id = %s", [tenant]).fetchall()[0][0],
    }
    move = {**row, "deal_id": id_, "pipeline_id": pipeline, "stage_id": "new", "user_id": owner, "changed_at": at}
    call = {
        **made,
        "kind": "call",
        "status": "done",
        "subject": "Late commit",
        "assignee_user_id": owner,
        "deal_id": id_,
        "completed_at": at,
        "duration_minutes": 5,
    }
    for table, values in (("leads", lead), ("deals", deal), ("deal_stage_history", move), ("activities", call)):
        copy_records(connection, table, [values])
    return dict.fromkeys(("leads", "deals", "deal_stage_history", "activities"), id_)
