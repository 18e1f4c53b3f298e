"""How Superset reaches the warehouse, and what a query there may not call.

The database's address in the assets names no host and no password (`clickhousedb://warehouse/...`): who connects, where
and with which password is this deployment's, and is filled in at each connection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.engine.url import URL

from deploy.settings import SupersetSettings

PLACEHOLDER_HOST = "warehouse"
Mutator = Callable[[URL, dict[str, Any], str | None, object, object], tuple[URL, dict[str, Any]]]

# Functions that read what their arguments name, past every rule that goes by the names of tables; or that tell of the
# machine. The reader's account refuses most of them too.
_FUNCTIONS = {
    "azureBlobStorage", "buildID", "catboostEvaluate", "cluster", "clusterAllReplicas", "currentDatabase",
    "currentRoles", "currentUser", "deltaLake", "dictionary", "dictGet", "dictGetOrDefault", "dictGetOrNull", "dictHas",
    "executable", "file", "filesystemPath", "fileCluster", "getMacro", "getOSInformation", "getServerSetting",
    "getSetting", "hdfs", "hostName", "hudi", "iceberg", "input", "jdbc", "joinGet", "joinGetOrNull", "loop", "merge",
    "mergeTreeIndex", "mergeTreeProjection", "mongodb", "mysql", "odbc", "postgresql", "redis", "remote",
    "remoteSecure", "s3", "s3Cluster", "sleep", "sleepEachRow", "sqlite", "url", "urlCluster", "version", "viewExplain",
    "viewIfPermitted",
}  # fmt: skip
# Superset looks them up by the dialect's name, `clickhousedb`; its own list is under `clickhouse` and is never asked.
DISALLOWED_FUNCTIONS = {"clickhousedb": _FUNCTIONS, "clickhouse": _FUNCTIONS}


def connection_mutator(settings: SupersetSettings) -> Mutator:
    """Return what fills in the account and the address of the warehouse, for the database that leaves them open."""

    def fill_in(
        uri: URL, parameters: dict[str, Any], username: str | None, manager: object, source: object
    ) -> tuple[URL, dict[str, Any]]:
        del username, manager, source
        if not uri.drivername.startswith("clickhousedb") or uri.host != PLACEHOLDER_HOST:
            return uri, parameters
        query = {**uri.query, "query_plan_optimize_join_order_limit": "0"}
        if settings.warehouse_secure:
            query["secure"] = "true"
        filled = uri.set(
            username=settings.reader,
            password=settings.reader_password.get_secret_value(),
            host=settings.warehouse_host,
            port=settings.warehouse_port,
            query=query,
        )
        return filled, parameters

    return fill_in
