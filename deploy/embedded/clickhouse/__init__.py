"""A local ClickHouse server: the real engine (chDB) behind the ClickHouse HTTP interface.

Clients (clickhouse-connect, dbt-clickhouse, Superset) cannot tell it from a server, within these limits: two accounts
(one that may do everything, and `reader`), no native-protocol port, no CREATE USER or ROW POLICY, no asynchronous
inserts. Formats that carry a header or a footer (JSON, CSVWithNames, Parquet) are buffered before they are sent; plain
row formats and Native stream.
A `query_id` given by the client stands in `log_comment` of system.query_log (unless the query sets one of its own),
since chDB assigns its own ids; KILL QUERY WHERE query_id = '...' is translated accordingly. A query with a comment of
its own is not cancelled when its client hangs up.
"""

from deploy.embedded.clickhouse.process import ClickHouseStartError, RunningClickHouse, start_clickhouse

__all__ = ["ClickHouseStartError", "RunningClickHouse", "start_clickhouse"]
