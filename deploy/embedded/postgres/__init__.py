"""Embedded PostgreSQL: the wheel's server on TCP loopback, for the demo CRM, development and tests.

Nothing here knows what the databases hold. Production uses a PostgreSQL of its own through the DB_* variables.
"""

from deploy.embedded.postgres.errors import PostgresStartError
from deploy.embedded.postgres.process import RunningPostgres, start_postgres

__all__ = ["PostgresStartError", "RunningPostgres", "start_postgres"]
