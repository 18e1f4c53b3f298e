"""The one error that starting embedded PostgreSQL raises."""


class PostgresStartError(Exception):
    """PostgreSQL could not be started; the message is one line that says what, where and what to do."""
