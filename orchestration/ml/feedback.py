"""What readers say of anomalies: `python -m orchestration.ml.feedback --tenant ID --event ID --by NAME`.

A mark belongs to the event, which keeps its id from night to night; the newest mark counts.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime

from deploy.connections import ConnectionFailed, connect_clickhouse
from deploy.settings import SettingsError, load_clickhouse_settings
from orchestration.extraction.replica import INSERT_SETTINGS, Warehouse
from orchestration.ml.tables import DATABASE, create_ml_tables

_COLUMNS = ["tenant_id", "event_id", "is_false_positive", "marked_by", "note", "marked_at"]


class UnknownEvent(Exception):
    """The tenant has no such event."""


def mark(warehouse: Warehouse, tenant: str, event: str, *, is_false_positive: bool, by: str, note: str = "") -> None:
    """Keep what a reader says of an event.

    Raises:
        UnknownEvent: the tenant has no such event.
    """
    create_ml_tables(warehouse)
    query = "select 1 from ml.anomaly_events where tenant_id = {tenant:String} and event_id = {event:String} limit 1"
    if not warehouse.rows(query, tenant=tenant, event=event):
        raise UnknownEvent(f"tenant {tenant} has no event {event}: see event_id in analytics.anomalies")
    row = [tenant, event, is_false_positive, by, note, datetime.now(UTC)]
    warehouse.client.insert(
        "anomaly_feedback", [row], database=DATABASE, column_names=_COLUMNS, settings=INSERT_SETTINGS
    )


def main() -> int:
    """Mark an event; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m orchestration.ml.feedback", description="Judge an anomaly.")
    parser.add_argument("--tenant", required=True)
    parser.add_argument("--event", required=True, help="event_id in analytics.anomalies")
    parser.add_argument("--by", required=True, help="who says so")
    parser.add_argument("--note", default="", help="why")
    parser.add_argument("--real", action="store_true", help="it is an anomaly after all: take the mark back")
    arguments = parser.parse_args()
    try:
        settings = load_clickhouse_settings()
        warehouse = Warehouse(connect_clickhouse(settings), cluster=settings.cluster)
        mark(
            warehouse,
            arguments.tenant,
            arguments.event,
            is_false_positive=not arguments.real,
            by=arguments.by,
            note=arguments.note,
        )
    except (SettingsError, ConnectionFailed, UnknownEvent) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
