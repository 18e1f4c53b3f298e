"""No row that commits late is lost: the boundary waits for every transaction that may still show rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from psycopg import sql
from pydantic import SecretStr

from deploy.connections import connect_postgres
from deploy.settings import PostgresSettings
from orchestration.extraction.boundary import measure_boundary
from orchestration.extraction.load import load_table
from orchestration.extraction.source_catalog import Connection
from tests.integration.extraction.bench import Bench, bench_mapping

LAG = timedelta(hours=1)
NOTES = bench_mapping("""
  contacts:
    source: public.notes
    changed_at: updated_at
    columns: {id: id, created_at: updated_at, updated_at: updated_at}
""")


@pytest.fixture
def notes(bench: Bench) -> Bench:
    bench.crm.execute("create table notes (id int, updated_at timestamptz default now())")
    bench.crm.execute("insert into notes values (0)")
    return bench


@pytest.fixture
def other(empty_postgres: PostgresSettings) -> Iterator[Connection]:
    """Return a second connection to the CRM."""
    with connect_postgres(empty_postgres) as connection:
        yield connection


def now(crm: Connection) -> datetime:
    row = crm.execute("select clock_timestamp()").fetchone()
    assert row is not None
    moment: datetime = row[0]
    return moment


def ids(bench: Bench) -> list[str]:
    return [row[0] for row in bench.replica("contacts", "id")]


def test_nothing_open_means_now(crm: Connection) -> None:
    before = now(crm)
    boundary = measure_boundary(crm, fallback_lag=LAG, previous=None)
    assert before < boundary.moment < now(crm)
    assert (boundary.method, boundary.note) == ("transactions", "")


def test_a_row_that_commits_after_the_load_is_read_by_the_next(notes: Bench, other: Connection) -> None:
    other.execute("begin")
    other.execute("insert into notes values (1)")
    assert notes.load(NOTES, "contacts").mode == "full"
    assert notes.load(NOTES, "contacts").boundary_note.startswith("held back by a transaction open since")
    assert ids(notes) == ["0"]
    other.execute("commit")
    result = notes.load(NOTES, "contacts")
    assert (result.mode, result.boundary_note) == ("incremental", "")
    assert ids(notes) == ["0", "1"]


def test_a_transaction_that_has_not_written_yet_counts_too(notes: Bench, other: Connection) -> None:
    """PostgreSQL gives a transaction its number with the first write, but the stamp is that of its beginning."""
    other.execute("begin")
    other.execute("select now()")
    notes.load(NOTES, "contacts")
    other.execute("insert into notes values (1)")
    other.execute("commit")
    notes.load(NOTES, "contacts")
    assert ids(notes) == ["0", "1"]


@pytest.mark.parametrize("loaded_while_open", [True, False])
def test_a_prepared_transaction_is_waited_for(notes: Bench, other: Connection, loaded_while_open: bool) -> None:
    """Only the moment of preparing is known of it; its rows are stamped with an earlier one."""
    notes.load(NOTES, "contacts")
    other.execute("begin")
    other.execute("insert into notes values (1)")
    if loaded_while_open:
        notes.load(NOTES, "contacts")
    other.execute("select pg_sleep(0.05)")
    other.execute("prepare transaction 'late'")
    try:
        for _ in range(2):
            result = notes.load(NOTES, "contacts")
            assert result.boundary_note.startswith("held back by a transaction prepared at")
        assert ids(notes) == ["0"]
    finally:
        other.execute("commit prepared 'late'")
    notes.load(NOTES, "contacts")
    assert ids(notes) == ["0", "1"]


def test_a_prepared_transaction_of_unknown_age_is_given_the_lag(notes: Bench, other: Connection) -> None:
    other.execute("begin; insert into notes values (1); prepare transaction 'unknown'")
    try:
        boundary = measure_boundary(notes.crm, fallback_lag=LAG, previous=None)
        earlier = datetime.now(UTC) - timedelta(days=1)
        held = measure_boundary(notes.crm, fallback_lag=LAG, previous=earlier)
    finally:
        other.execute("rollback prepared 'unknown'")
    assert timedelta(0) <= now(notes.crm) - boundary.moment - LAG < timedelta(minutes=1)
    assert held.moment == earlier


def test_open_transactions_of_other_databases_do_not_hold_the_boundary_back(
    crm: Connection, postgres: PostgresSettings
) -> None:
    with connect_postgres(postgres) as elsewhere:
        elsewhere.execute("begin")
        elsewhere.execute("select now()")
        assert measure_boundary(crm, fallback_lag=LAG, previous=None).note == ""


def test_without_the_right_to_see_transactions_the_boundary_lags(
    notes: Bench, empty_postgres: PostgresSettings
) -> None:
    role = f"reader_of_{empty_postgres.database}"
    name = sql.Identifier(role)
    notes.crm.execute(sql.SQL("create role {} login password 'reader-password'").format(name))
    try:
        notes.crm.execute(sql.SQL("grant select on notes to {}").format(name))
        settings = empty_postgres.model_copy(update={"username": role, "password": SecretStr("reader-password")})
        with connect_postgres(settings) as reader:
            result = load_table(reader, notes.warehouse, NOTES, "contacts", run_id="test")
            assert result.boundary is not None
            assert timedelta(0) <= now(notes.crm) - result.boundary - LAG < timedelta(minutes=1)
            again = load_table(reader, notes.warehouse, NOTES, "contacts", run_id="test")
    finally:
        notes.crm.execute(sql.SQL("revoke select on notes from {}").format(name))
        notes.crm.execute(sql.SQL("drop role {}").format(name))
    assert result.boundary_method == "lag"
    assert "grant pg_read_all_stats" in result.boundary_note
    assert (again.mode, again.rows, again.rows_changed) == ("incremental", 1, 0)


def test_our_own_session_does_not_hold_the_boundary_back(crm: Connection) -> None:
    with crm.transaction():
        crm.execute("select pg_sleep(0.05)")
        before = now(crm)
        assert measure_boundary(crm, fallback_lag=LAG, previous=None).moment > before
