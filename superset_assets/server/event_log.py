"""Superset's log of what people do, without the steps that one request consists of.

Superset writes and commits a row for each step of an answer to a chart, which took longer than fetching the answer from
the cache. Who opened which dashboard, chart or data stays: a row per request.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from superset.utils.log import DBEventLogger

# Steps within a request that is logged itself, and what a page asks of its own accord beside its dashboard.
_STEPS: Final = frozenset(
    {
        "ChartDataRestApi.json_dumps",
        "DashboardRestApi.favorite_status",
        "DatasetRestApi.get_drill_info",
        "QueryObject.post_processing",
        "_get_data_response",
        "execute_sql",
        "load_into_dataframe",
    }
)


class RequestLogger(DBEventLogger):
    """Writes one row per request."""

    def log_with_context(
        self,
        action: str,
        duration: timedelta | None = None,
        object_ref: str | None = None,
        log_to_statsd: bool = True,
        database: Any | None = None,
        **payload_override: Any,
    ) -> None:
        """Log an action, unless it is a step of another one."""
        if action not in _STEPS:
            super().log_with_context(action, duration, object_ref, log_to_statsd, database, **payload_override)
