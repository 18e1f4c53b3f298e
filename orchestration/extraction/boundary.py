"""Finds the boundary of a load: a moment before which every stamped change is either visible now or will never be.

A transaction stamps its rows with the time it began and shows them when it commits, which may be much later. The
boundary therefore stays at or before the start of the oldest transaction that is still open, prepared ones included.
It must be measured before the snapshot of the read that it belongs to. Every moment here is of the CRM's clock. The
overlap that a load adds covers stamps of other clocks, and the instant a session takes to list what it has begun.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from orchestration.extraction.source_catalog import Connection

BoundaryMethod = Literal["transactions", "lag"]

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Boundary:
    """A measured boundary.

    Attributes:
        moment: the next incremental load starts here, with a time zone.
        method: `transactions` when all open transactions were seen; `lag` when the declared lag was used as well.
        note: what held the boundary back or kept open transactions from being seen; empty when nothing did.
    """

    moment: datetime
    method: BoundaryMethod
    note: str = ""


def measure_boundary(
    connection: Connection, *, fallback_lag: timedelta, previous: datetime | None, late: str = ""
) -> Boundary:
    """Return the boundary for a read that has not begun yet.

    Args:
        connection: to the CRM, in autocommit, as PostgreSQL freezes its list of sessions within a transaction.
        fallback_lag: how far to stay behind now where open transactions cannot be seen.
        previous: the boundary of the last load of this table, if any.
        late: why rows of what will be read may appear long after they were stamped; empty for ordinary tables.
    """
    row = connection.execute(_OBSERVATION).fetchone()
    if row is None:
        raise AssertionError("PostgreSQL returned no observation")
    now, in_recovery, replayed, may_see, all_tracked, subscribes, oldest, prepared = row
    boundary, note = now, ""
    if oldest is not None and oldest < now:
        boundary, note = oldest, f"held back by a transaction open since {oldest.isoformat()}"
    if prepared is not None:
        # Its start is nowhere to be read. The last boundary was no later: it was open then, or began after.
        start = min(prepared, previous or prepared - fallback_lag)
        if start < boundary:
            boundary, note = start, f"held back by a transaction prepared at {prepared.isoformat()}"
    blind = why_blind(in_recovery, may_see, all_tracked, subscribes) or late
    if not blind:
        return Boundary(boundary, "transactions", note)
    # A standby that has replayed nothing since its start may be as old as the last boundary, or of any age.
    seen = min(now, replayed or previous or _BEGINNING) if in_recovery else now
    return Boundary(min(boundary, seen - fallback_lag), "lag", f"{blind}: {fallback_lag} behind {_what(seen, now)}")


def why_blind(in_recovery: bool, may_see: bool, all_tracked: bool, subscribes: bool) -> str:
    """Return why open transactions cannot be relied on to be seen; nothing when they can."""
    if in_recovery:
        return "the CRM is a standby, which does not know the primary's open transactions"
    if not may_see:
        return "the CRM's user may not see open transactions (grant pg_read_all_stats)"
    if not all_tracked:
        return "the CRM does not track all activity (track_activities)"
    if subscribes:
        return "the CRM receives rows by logical replication, stamped before they arrive"
    return ""


def _what(seen: datetime, now: datetime) -> str:
    return "now instead" if seen == now else f"{seen.isoformat()}, up to which it has replayed, instead"


# One statement, and its own start instead of clock_timestamp(): a transaction that begins after the list was read is
# later than this. Sessions before prepared transactions: one that is prepared in between is seen at least once. Our own
# session only reads, and autovacuum stamps nothing.
_OBSERVATION = """
select
    statement_timestamp(),
    pg_is_in_recovery(),
    pg_last_xact_replay_timestamp(),
    pg_has_role('pg_read_all_stats', 'usage'),
    not exists (
        select from pg_stat_activity
        where datname = current_database()
            and (state = 'disabled' or (state like 'idle in transaction%' and xact_start is null))
    ),
    exists (
        select from pg_subscription where subenabled
            and subdbid = (select oid from pg_database where datname = current_database())
    ),
    (
        select min(xact_start) from pg_stat_activity
        where pid <> pg_backend_pid() and backend_type is distinct from 'autovacuum worker'
            and (datname = current_database() or datname is null)
    ),
    (select min(prepared) from pg_prepared_xacts where database = current_database())
"""
