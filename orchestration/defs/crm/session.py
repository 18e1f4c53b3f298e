"""Opens the CRM and the warehouse for one step, and turns failures into what Dagster does about them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import psycopg
from dagster import AssetCheckExecutionContext, AssetExecutionContext, Failure, RetryRequested

from deploy.connections import ConnectionFailed, connect_clickhouse, connect_postgres
from orchestration.extraction.errors import ExtractionError
from orchestration.extraction.mapping import Mapping, load_mapping
from orchestration.extraction.replica import Warehouse
from orchestration.extraction.source_catalog import Connection
from orchestration.extraction.transport import AskedTransport
from orchestration.resources import PipelineResource

WAIT_FOR_OTHERS = timedelta(minutes=30)
"""How long a step waits for another one that writes to the same replica: a backfill and the schedule take turns."""

_RETRIES = 2
_SECONDS_BEFORE_RETRY = 10


@dataclass(frozen=True, slots=True)
class ReplicaSession:
    """What reading the CRM into the warehouse needs."""

    crm: Connection
    warehouse: Warehouse
    mapping: Mapping
    transport: AskedTransport


@contextmanager
def replica_session(
    context: AssetExecutionContext | AssetCheckExecutionContext, pipeline: PipelineResource
) -> Iterator[ReplicaSession]:
    """Hold open connections; a database that restarts makes the step try again.

    Raises:
        RetryRequested: the connection failed or broke, and may be back in seconds.
        Failure: anything else would fail the same way again; says what is wrong in one line.
    """
    settings = pipeline.settings()
    try:
        mapping = load_mapping(settings.crm_mapping)
        client = connect_clickhouse(settings.clickhouse)
        with connect_postgres(settings.postgres) as crm:
            warehouse = Warehouse(client, cluster=settings.clickhouse.cluster)
            yield ReplicaSession(crm, warehouse, mapping, settings.extraction_transport)
    except ConnectionFailed as error:
        _retry_or_fail(context, error)
    except ExtractionError as error:
        if connection_broke(error):
            _retry_or_fail(context, error)
        raise Failure(description=str(error), allow_retries=False) from None


def connection_broke(error: ExtractionError) -> bool:
    """Tell whether the CRM's connection broke, which a moment later may be mended."""
    return isinstance(error.__cause__, psycopg.OperationalError)


def _retry_or_fail(context: AssetExecutionContext | AssetCheckExecutionContext, error: Exception) -> None:
    if context.op_execution_context.retry_number < _RETRIES:
        raise RetryRequested(max_retries=_RETRIES, seconds_to_wait=_SECONDS_BEFORE_RETRY) from error
    raise Failure(description=str(error), allow_retries=False) from None
