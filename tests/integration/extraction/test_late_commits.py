"""No row that commits late is lost: the same schedules of real transactions, read in three ways.

A schedule is a text of steps that sessions take in turn; at the end of it every transaction has ended, and each reader
reads once more. What it then lacks of the CRM, it has lost for good.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest
from psycopg import sql

from deploy.connections import connect_postgres
from deploy.settings import PostgresSettings
from orchestration.extraction.boundary import measure_boundary
from orchestration.extraction.source_catalog import Connection
from tests.integration.extraction.bench import Bench, bench_mapping

NOTES = bench_mapping("""
  contacts:
    source: public.notes
    changed_at: updated_at
    columns: {id: id, created_at: created_at, updated_at: updated_at}
    extra: {worth: worth}
""")
NOTES_TABLE = """
create table notes (
    id bigint generated always as identity primary key, worth bigint not null,
    created_at timestamptz not null default now(), updated_at timestamptz not null default now()
)
"""
HOUR = timedelta(hours=1)
LAG = timedelta(milliseconds=20)

Rows = dict[str, int]


class Reader(Protocol):
    """Keeps a copy of the CRM's notes."""

    def read(self) -> None:
        """Read what is new."""

    def rows(self) -> Rows:
        """Return the copy: id to worth."""


@dataclass
class OurLoad:
    """The extraction itself, without the overlap that would hide a wrong boundary."""

    bench: Bench

    def read(self) -> None:
        self.bench.load(NOTES, "contacts")

    def rows(self) -> Rows:
        return dict(self.bench.replica("contacts", "id, worth"))


@dataclass
class NewestSeen:
    """A rival: read on from the newest stamp that has been seen."""

    crm: Connection
    copy: Rows = field(default_factory=dict)
    watermark: datetime = datetime(1970, 1, 1, tzinfo=UTC)

    def read(self) -> None:
        changed = self.crm.execute(
            "select id::text, worth, updated_at from notes where updated_at > %s", [self.watermark]
        )
        for key, worth, stamp in changed.fetchall():
            self.copy[key] = worth
            self.watermark = max(self.watermark, stamp)

    def rows(self) -> Rows:
        return self.copy


@dataclass
class FixedLag:
    """A rival: read on from a fixed time before the last reading."""

    crm: Connection
    copy: Rows = field(default_factory=dict)
    watermark: datetime = datetime(1970, 1, 1, tzinfo=UTC)

    def read(self) -> None:
        started = now(self.crm)
        changed = self.crm.execute("select id::text, worth from notes where updated_at >= %s", [self.watermark])
        self.copy.update(changed.fetchall())
        self.watermark = started - LAG

    def rows(self) -> Rows:
        return self.copy


def now(crm: Connection) -> datetime:
    row = crm.execute("select clock_timestamp()").fetchone()
    assert row is not None
    moment: datetime = row[0]
    return moment


class Stage:
    """A CRM whose sessions play a schedule, and the three readers of it.

    Steps are `verb` or `verb session`. `read` lets all readers read, `pause` lets more time pass than the lag. Of a
    session: `begin`, `commit`, `rollback`, `prepare` (sets the session free), `commit_prepared` and `rollback_prepared`
    (somebody else does it), `savepoint`, `rollback_to`; `insert` and `update` stamp with the transaction's beginning,
    `insert_clock` with the clock as applications do. A session without a transaction commits each statement.
    """

    def __init__(self, bench: Bench, connect: Callable[[], Connection]) -> None:
        """Create the notes, with one that everybody has read."""
        self.crm = bench.crm
        self.readers: dict[str, Reader] = {
            "ours": OurLoad(bench),
            "newest seen": NewestSeen(bench.crm),
            "fixed lag": FixedLag(bench.crm),
        }
        self._connect = connect
        self._sessions: dict[str, Connection] = {}
        bench.crm.execute(NOTES_TABLE)
        self.play("insert nobody; read")

    def play(self, schedule: str) -> None:
        """Take the steps one after the other."""
        for step in schedule.replace("\n", " ").split(";"):
            match step.split():
                case ["read"]:
                    for reader in self.readers.values():
                        reader.read()
                case ["pause"]:
                    time.sleep(2 * LAG.total_seconds())
                case ["commit_prepared" | "rollback_prepared" as verb, session]:
                    self.crm.execute(f"{verb.replace('_', ' ')} '{session}'")
                case [verb, session]:
                    self._session(session).execute(STATEMENTS[verb].format(name=session))

    def lost(self) -> dict[str, int]:
        """Read once more, after the last transaction has ended; count what each reader lacks or holds differently."""
        self.play("read")
        truth: Rows = dict(self.crm.execute("select id::text, worth from notes").fetchall())
        assert self.crm.execute("select from pg_prepared_xacts").fetchone() is None
        return {name: _differing(truth, reader.rows()) for name, reader in self.readers.items()}

    def _session(self, name: str) -> Connection:
        if name not in self._sessions:
            self._sessions[name] = self._connect()
        return self._sessions[name]


def _differing(truth: Rows, copy: Rows) -> int:
    return sum(truth.get(key) != copy.get(key) for key in truth.keys() | copy.keys())


STATEMENTS = {
    "begin": "begin; select now()",
    "commit": "commit",
    "rollback": "rollback",
    "prepare": "prepare transaction '{name}'",
    "savepoint": "savepoint here",
    "rollback_to": "rollback to savepoint here",
    "insert": "insert into notes (worth) values (1)",
    "insert_clock": "insert into notes (worth, updated_at) values (1, clock_timestamp())",
    # A note that nobody else is changing; the stamp is that of the transaction's beginning, as triggers do it.
    "update": """
        update notes set worth = worth + 1, updated_at = now()
        where id = (select id from notes order by id limit 1 for update skip locked)
    """,
}

SCHEDULES = {
    "commits in another order than it stamps": """
        begin a; insert a; begin b; insert b; commit b; pause; read; commit a""",
    "open for long": """
        begin a; insert a; pause; insert b; read; pause; insert b; read; insert a; pause; insert b; read; commit a""",
    "writes only after the extract": """
        begin a; pause; insert b; read; insert a; commit a""",
    "changes a row instead of adding one": """
        begin a; update a; pause; insert b; read; commit a""",
    "prepared while a load runs": """
        begin a; insert a; insert b; read; prepare a; pause; insert b; read; read; commit_prepared a""",
    "prepared before anybody saw it": """
        begin a; insert a; prepare a; pause; insert b; read; read; commit_prepared a""",
    "prepared, and its session goes on": """
        begin a; insert a; prepare a; insert a; pause; read; begin a; insert a; pause; insert b; read;
        commit_prepared a; read; commit a""",
    "rolls back to a savepoint": """
        begin a; savepoint a; insert a; rollback_to a; insert a; pause; insert b; read; savepoint a; insert a;
        rollback_to a; insert b; pause; read; commit a""",
    "stamps with the clock": """
        begin a; insert_clock a; pause; insert b; read; insert_clock a; pause; insert b; read; commit a""",
    "two overlap and end crosswise": """
        begin a; insert a; begin b; insert b; pause; insert c; read; commit a; begin a; insert a; pause; insert c; read;
        commit b; read; begin b; insert b; pause; insert c; read; commit a; commit b""",
}


@pytest.fixture
def stage(bench: Bench, empty_postgres: PostgresSettings) -> Iterator[Stage]:
    with _connections(empty_postgres) as connect:
        yield Stage(bench, connect)


@contextmanager
def _connections(settings: PostgresSettings) -> Iterator[Callable[[], Connection]]:
    """Hold a way to open connections; at the end all are closed and what is still prepared is rolled back."""
    opened: list[Connection] = []

    def connect() -> Connection:
        opened.append(connect_postgres(settings))
        return opened[-1]

    try:
        yield connect
    finally:
        for connection in opened:
            connection.close()
        with connect_postgres(settings) as sweeper:
            left = sweeper.execute("select gid from pg_prepared_xacts where database = current_database()").fetchall()
            for (name,) in left:
                sweeper.execute(sql.SQL("rollback prepared {}").format(sql.Literal(name)))


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES.keys())
def test_both_rivals_lose_rows_on_a_schedule_and_we_do_not(stage: Stage, schedule: str) -> None:
    stage.play(schedule)
    lost = stage.lost()
    assert lost["newest seen"] > 0
    assert lost["fixed lag"] > 0
    assert lost["ours"] == 0


def test_what_is_rolled_back_neither_arrives_nor_holds_the_boundary_back(stage: Stage) -> None:
    stage.play("begin a; insert a; pause; read; rollback a; begin b; insert b; prepare b; pause; read")
    stage.play("rollback_prepared b; insert c; read")
    assert stage.lost()["ours"] == 0
    assert measure_boundary(stage.crm, fallback_lag=HOUR, previous=None).note == ""


@pytest.mark.parametrize("seed", [0, 4, 6])
def test_both_rivals_lose_rows_at_random_and_we_do_not(stage: Stage, seed: int) -> None:
    steps = random_schedule(random.Random(seed), steps=120)
    stage.play("; ".join(steps))
    lost = stage.lost()
    print(f"seed {seed}: {len(steps)} steps, {steps.count('read')} readings, lost {lost}")
    assert lost["newest seen"] > 0
    assert lost["fixed lag"] > 0
    assert lost["ours"] == 0


# What a session may do next, by what it is doing; a prepared transaction keeps its session idle here.
_MOVES = {
    "idle": {"begin": 4, "insert": 2, "insert_clock": 1, "update": 1},
    "open": {
        "insert": 3, "insert_clock": 2, "update": 2, "savepoint": 1, "commit": 2, "rollback": 1, "prepare": 2,
    },
    "saved": {"insert": 2, "update": 2, "rollback_to": 3, "commit": 1, "prepare": 1},
    "prepared": {"commit_prepared": 2, "rollback_prepared": 1},
}  # fmt: skip
_LEADS_TO = {
    "begin": "open",
    "savepoint": "saved",
    "prepare": "prepared",
    **dict.fromkeys(("commit", "rollback", "commit_prepared", "rollback_prepared"), "idle"),
}


def random_schedule(chance: random.Random, *, steps: int) -> list[str]:
    """Return the steps of five overlapping sessions, readings and pauses in between; every transaction ends."""
    states = dict.fromkeys("abcde", "idle")
    schedule: list[str] = []
    while len(schedule) < steps:
        if chance.random() < 0.12:
            schedule += ["pause", "read"]
            continue
        session = chance.choice(list(states))
        moves = _MOVES[states[session]]
        (verb,) = chance.choices(list(moves), weights=list(moves.values()))
        states[session] = _LEADS_TO.get(verb, states[session])
        schedule.append(f"{verb} {session}")
    endings = {"open": "commit", "saved": "commit", "prepared": "commit_prepared"}
    return schedule + [f"{endings[state]} {session}" for session, state in states.items() if state in endings]


def test_readers_in_the_middle_of_writers_that_never_rest(stage: Stage, empty_postgres: PostgresSettings) -> None:
    """Nothing is arranged here: sessions write as fast as they can while loads follow one another."""
    over = threading.Event()

    def write(seed: int) -> None:
        chance = random.Random(seed)
        with connect_postgres(empty_postgres) as session:
            while not over.is_set():
                with session.transaction(force_rollback=chance.random() < 0.2):
                    for _ in range(chance.randint(1, 3)):
                        session.execute(STATEMENTS[chance.choice(["insert", "insert_clock", "update"])])
                        # Every now and then longer than the rival's lag, and than a load.
                        time.sleep(chance.choice([0, 0, 0.002, 0.3]))

    writers = [threading.Thread(target=write, args=[seed]) for seed in range(4)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(10):
            stage.play("read")
    finally:
        over.set()
        for writer in writers:
            writer.join()
    lost = stage.lost()
    print(f"unarranged: lost {lost}")
    assert lost["newest seen"] > 0
    assert lost["fixed lag"] > 0
    assert lost["ours"] == 0
