"""The loop that one writes first: a server-side cursor, `fetchmany`, `insert` by clickhouse-connect in batches."""

from __future__ import annotations

from typing import Any

import clickhouse_connect
import psycopg

from benchmarks.peers.protocol import attend, setting

_BATCH = 50_000


def main() -> None:
    """Copy the table whenever asked to."""
    crm = psycopg.connect(
        host=setting("DB_HOST"),
        port=int(setting("DB_PORT")),
        dbname=setting("DB_NAME"),
        user=setting("DB_USERNAME"),
        password=setting("DB_PASSWORD"),
        options="-c timezone=UTC",
    )
    client = clickhouse_connect.get_client(
        host=setting("CLICKHOUSE_HOST"),
        port=int(setting("CLICKHOUSE_PORT")),
        username=setting("CLICKHOUSE_USER"),
        password=setting("CLICKHOUSE_PASSWORD"),
        database=setting("PEER_DATABASE"),
    )

    def copy() -> dict[str, Any]:
        client.command(f"drop table if exists {setting('PEER_TABLE')} sync")
        client.command(setting("PEER_CREATE"))
        rows = 0
        with crm.transaction(), crm.cursor(name="rows") as cursor:
            cursor.itersize = _BATCH
            cursor.execute("select * from deals")
            while batch := cursor.fetchmany(_BATCH):
                names = [column.name for column in cursor.description or ()]
                client.insert(setting("PEER_TABLE"), batch, column_names=names)
                rows += len(batch)
        return {"rows": rows}

    attend(copy)


if __name__ == "__main__":
    main()
