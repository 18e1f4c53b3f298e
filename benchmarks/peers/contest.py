"""Every contender copies the whole table: in rounds, so that a busy moment of the machine meets all of them alike."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from clickhouse_connect.driver.binding import quote_identifier

from benchmarks.peers import results
from benchmarks.peers.exactness import Facts, differences, facts_of_copy, facts_of_crm
from benchmarks.peers.measure import WorkerFailed, wait_until_idle
from benchmarks.peers.stand import PEER_DATABASE, PEER_TABLE, Stand, crm_database


@dataclass(frozen=True, slots=True)
class _Way:
    """How a contender is started: its module, its arguments, further variables, and whether it is another project's."""

    name: str
    title: str
    module: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    peer: bool = False

    @property
    def copies(self) -> bool:
        """It leaves a copy behind."""
        return self.name != results.BASE


# Ours comes last, as its replica is what the next part goes on with.
_IN_ROUNDS = (
    _Way(results.BASE, "COPY binary to nowhere (the base)", "copy_binary"),
    _Way(results.PULL, "ours, pull", "extraction", ("full",), {"EXTRACTION_TRANSPORT": "pull"}),
    _Way(results.QUICKHOUSE, "quickhouse", "quickhouse_sync", peer=True),
    _Way(results.PUSH, "ours, push", "extraction", ("full",), {"EXTRACTION_TRANSPORT": "push"}),
)
_ONCE = (
    _Way("dlt", "dlt", "dlt_pipeline", peer=True),
    _Way("loop", "psycopg fetchmany and clickhouse-connect insert", "psycopg_loop", peer=True),
)


@dataclass(slots=True)
class _Score:
    """What a contender has done so far."""

    way: _Way
    runs: list[results.Measured] = field(default_factory=list)
    wrong: str = ""
    failed: str = ""


def compare(stand: Stand, source: str, *, rounds: int, ours_only: bool) -> tuple[results.Contender, ...]:
    """Let every contender copy the table; afterwards our replica is there.

    Args:
        stand: the engines.
        source: the CRM database.
        rounds: how often each of the fast ones runs.
        ours_only: leave the other projects out.
    """
    with stand.crm(source) as connection:
        expected = facts_of_crm(connection)
    in_rounds, once = (
        [_Score(way, failed="left out" if way.peer and ours_only else "") for way in ways]
        for ways in (_IN_ROUNDS, _ONCE)
    )
    for number in range(rounds):
        for score in in_rounds:
            stand.drop_copies(source)
            _let_run(stand, source, score, expected, f"round {number + 1} of {rounds}")
    for score in once:
        _let_run(stand, source, score, expected, "once")
    return tuple(
        results.Contender(
            name=score.way.name,
            title=score.way.title,
            runs=tuple(score.runs),
            wrong=score.wrong,
            failed=score.failed,
            compared=score.way.copies,
        )
        for score in (*in_rounds, *once)
    )


def _let_run(stand: Stand, source: str, score: _Score, expected: Facts, when: str) -> None:
    way = score.way
    if score.failed:
        return
    try:
        with stand.worker(source, way.module, *way.arguments, peer=way.peer, **way.environment) as worker:
            wait_until_idle(stand.engines)
            began = time.time()
            measured, _ = worker.run()
        asked = way.environment.get("EXTRACTION_TRANSPORT")
        if asked is not None and asked != (used := _transport_used(stand, source, began)):
            raise WorkerFailed(f"asked for {asked}, ClickHouse saw {used}")
    except WorkerFailed as error:
        score.failed = str(error)
        print(f"{way.title}: failed: {error}", flush=True)
        return
    measured = measured.model_copy(update={"later_cpu": wait_until_idle(stand.engines)})
    score.runs.append(measured)
    if way.copies:
        database = PEER_DATABASE if way.peer else crm_database(source)
        copy = f"{quote_identifier(database)}.{quote_identifier(PEER_TABLE)}"
        score.wrong = score.wrong or differences(expected, facts_of_copy(stand.client, copy))
    print(
        f"{way.title}, {when}: {measured.seconds:.1f} s, {measured.cpu:.1f} CPU s, {measured.peak_mb:.0f} MB"
        + (f"; WRONG: {score.wrong}" if score.wrong else ""),
        flush=True,
    )


def _transport_used(stand: Stand, source: str, began: float) -> str:
    """Return by which transport ClickHouse got our replica's rows since `began`: its own log cannot be mistaken."""
    stand.client.command("system flush logs query_log")
    pulls = stand.client.query(
        "select countIf(has(used_table_functions, 'postgresql')) from system.query_log "
        "where type = 'QueryFinish' and query_kind = 'Insert' and has(databases, {database:String}) "
        "and event_time_microseconds >= fromUnixTimestamp64Micro({began:Int64})",
        parameters={"database": crm_database(source), "began": int(began * 1e6)},
    ).result_rows
    return "pull" if pulls[0][0] else "push"
