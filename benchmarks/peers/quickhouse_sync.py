"""quickhouse (Rust): COPY binary read in parallel ranges, turned into Arrow, inserted over HTTP as ArrowStream.

It needs nothing that the embedded ClickHouse lacks. Its full refresh stages and exchanges tables as ours does.
"""

from __future__ import annotations

from typing import Any

import quickhouse

from benchmarks.peers.protocol import attend, setting


def main() -> None:
    """Copy the table whenever asked to."""
    source = quickhouse.Postgres(
        host=setting("DB_HOST"),
        port=int(setting("DB_PORT")),
        user=setting("DB_USERNAME"),
        password=setting("DB_PASSWORD"),
        database=setting("DB_NAME"),
    )
    target = quickhouse.ClickHouse(
        f"http://{setting('CLICKHOUSE_HOST')}:{setting('CLICKHOUSE_PORT')}",
        database=setting("PEER_DATABASE"),
        user=setting("CLICKHOUSE_USER"),
        password=setting("CLICKHOUSE_PASSWORD"),
        # Between two processes of one machine this was the fastest of zstd (its default), lz4 and none.
        compression="none",
    )

    def copy() -> dict[str, Any]:
        result = quickhouse.sync(
            source,
            target,
            setting("PEER_TABLE"),
            source_table="public.deals",
            mode="full",
            key=["tenant_id", "id"],
        )
        return {"rows": result.rows_written}

    attend(copy)


if __name__ == "__main__":
    main()
