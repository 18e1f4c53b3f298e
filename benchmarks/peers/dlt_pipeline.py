"""dlt: its `sql_database` source with the pyarrow backend, loaded as Parquet files.

dlt's own ClickHouse destination cannot be used: it creates and looks up tables by clickhouse-driver, over the native
protocol, which the embedded ClickHouse does not speak. That destination inserts rows over HTTP: each Parquet
file by `insert_file` of clickhouse-connect. Here a destination function does just that, and the table is made before.
"""

from __future__ import annotations

import shutil
import tempfile
from typing import Any
from urllib.parse import quote

import clickhouse_connect
import dlt
from clickhouse_connect.driver.tools import insert_file
from dlt.sources.sql_database import sql_table

from benchmarks.peers.protocol import attend, setting


def main() -> None:
    """Copy the table whenever asked to."""
    client = clickhouse_connect.get_client(
        host=setting("CLICKHOUSE_HOST"),
        port=int(setting("CLICKHOUSE_PORT")),
        username=setting("CLICKHOUSE_USER"),
        password=setting("CLICKHOUSE_PASSWORD"),
        database=setting("PEER_DATABASE"),
    )
    address = (
        f"postgresql+psycopg://{quote(setting('DB_USERNAME'))}:{quote(setting('DB_PASSWORD'))}"
        f"@{setting('DB_HOST')}:{setting('DB_PORT')}/{setting('DB_NAME')}"
    )

    def insert(path: str, table: dict[str, Any]) -> None:
        insert_file(client, setting("PEER_TABLE"), path, fmt="Parquet", database=setting("PEER_DATABASE"))

    target = dlt.destination(
        insert, batch_size=0, loader_file_format="parquet", name="clickhouse_http", skip_dlt_columns_and_tables=True
    )

    def copy() -> dict[str, Any]:
        client.command(f"drop table if exists {setting('PEER_TABLE')} sync")
        client.command(setting("PEER_CREATE"))
        folder = tempfile.mkdtemp(prefix="dlt-")
        try:
            pipeline = dlt.pipeline("benchmark", pipelines_dir=folder, destination=target, dataset_name="peers")
            source = sql_table(
                address,
                table="deals",
                schema="public",
                backend="pyarrow",
                chunk_size=50_000,
                reflection_level="full_with_precision",
            )
            pipeline.run(source, write_disposition="replace")
        finally:
            shutil.rmtree(folder)
        return {}

    attend(copy)


if __name__ == "__main__":
    main()
