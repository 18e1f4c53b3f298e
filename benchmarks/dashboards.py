"""How long readers wait for dashboards of a large CRM: `make bench-dashboards`.

The models are built in full on the replicas of a large CRM (see `enlarged_crm`), and the models' night is computed for
its largest company. Superset starts on an empty database of its own. Measured are its bootstrap and its next start, a
first and a second push, the nightly warm-up; every question of every dashboard through the data API, with the caches
empty and after the warm-up, as a director of the largest company and as the operator, who sees all companies; what
a director waits for in a browser; and memory. Nothing is asserted.

The questions are those that the dashboards' pages ask. ClickHouse's own caches are as they happen to be.
Filling and building take longer than everything else; with `--home` they are kept there for further runs.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from benchmarks.dashboard_report import ChartTimes, Memory, PageTimes, Results, Step, report
from benchmarks.dashboard_visits import CHART_DATA, Asked, Visit, everything_asked, reader, visit
from benchmarks.document_marks import write_between_marks
from benchmarks.enlarged_stage import Stage, build_models, row_counts, running_stage, say
from benchmarks.ml_refresh import night_tasks
from benchmarks.process_usage import UsageSampler
from benchmarks.report_tables import markdown, print_report
from catalogue.access import Identity
from catalogue.loading import load_catalogue
from catalogue.texts import LANGUAGES, LanguageCode
from deploy.browser import require_chromium
from deploy.connections import connect_postgres
from deploy.demo_crm import read_as_of
from deploy.free_port import free_port
from deploy.settings import REPOSITORY, load_postgres_settings, load_superset_settings
from deploy.superset.environment import METADATA_DATABASE, embedded_variables, superset_home
from deploy.superset.server import RunningSuperset, start_superset
from orchestration.dbt_manifest import load_dbt_project
from orchestration.ml.artefacts import ArtefactStore
from orchestration.ml.marts import read_tenants
from orchestration.ml.parallel import Workers
from orchestration.ml.refresh import refresh
from orchestration.ml.tables import create_ml_tables
from superset_assets.bundle import Bundle, build_bundle
from superset_assets.dashboard_page import sign_on
from superset_assets.identity import asset_id, dashboard_slug
from superset_assets.server_process import Action, ask
from superset_assets.sources import Sources, read_sources
from superset_assets.translations import translator

_DOCUMENT = REPOSITORY / "docs" / "superset.md"
_OUTPUT = REPOSITORY / ".local" / "benchmarks" / "dashboards.json"
_BUILT = "built"
_PROCESSES = 2
_REQUEST_SECONDS = 180
_SILENCE_SECONDS = 30
_SUPERSET, _CLICKHOUSE = "Superset", "ClickHouse"
_DIRECTOR, _OPERATOR = "director", "operator"


@dataclass(frozen=True, slots=True)
class _Company:
    id: str
    deals: int


@dataclass(frozen=True, slots=True)
class _Board:
    """A dashboard in one language, and who looks at it."""

    name: str
    language: LanguageCode
    address: str
    session: str

    @property
    def title(self) -> str:
        return dashboard_slug(self.name, self.language)


@dataclass(frozen=True, slots=True)
class _Question:
    """What a page asks the data API for, under the name of its chart or filter."""

    dashboard: str
    title: str
    body: str


@dataclass(slots=True)
class _Run:
    """What a run has to do with, and what it has measured so far."""

    stage: Stage
    sources: Sources
    variables: dict[str, str]
    company: _Company
    chromium: str
    visits: int
    languages: tuple[LanguageCode, ...]
    steps: list[Step] = field(default_factory=list)
    warm_up: dict[str, int] = field(default_factory=dict)

    def timed(self, title: str, work: Callable[[], object]) -> None:
        """Do something and note its seconds."""
        say(title)
        began = time.monotonic()
        work()
        self.steps.append(Step(title=title, seconds=time.monotonic() - began))

    @property
    def base(self) -> str:
        """Return the address of Superset."""
        return f"http://127.0.0.1:{self.variables['SUPERSET_PORT']}"


def main() -> int:
    """Measure, print, write; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dashboards", description=__doc__)
    parser.add_argument("--deals", type=int, default=5_000_000, help="deals in the CRM (default: %(default)s)")
    parser.add_argument("--memory-gib", type=float, default=6.0, help="what ClickHouse may use (default: %(default)s)")
    parser.add_argument("--visits", type=int, default=3, help="of each dashboard in each state (default: %(default)s)")
    parser.add_argument("--language", choices=LANGUAGES, help="by default every one")
    parser.add_argument("--home", type=Path, help="folder to keep the built engines in; without it they are deleted")
    parser.add_argument("--write-docs", action="store_true", help="put the results into docs/superset.md")
    arguments = parser.parse_args()
    if arguments.deals < 1 or arguments.visits < 1:
        parser.error("at least 1 deal and 1 visit are needed")
    with ExitStack() as running:
        home = arguments.home or Path(running.enter_context(tempfile.TemporaryDirectory(prefix="crm-analytics-bench-")))
        stage = running.enter_context(
            running_stage(
                home, deals=arguments.deals, memory_gib=arguments.memory_gib, threads=_PROCESSES, progress=say
            )
        )
        found = _measure(_prepare(stage, arguments.visits, arguments.language))
    told = report(found)
    print_report(told)
    _OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    _OUTPUT.write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")
    if arguments.write_docs:
        write_between_marks(_DOCUMENT, "make bench-dashboards", markdown(told))
    return 0


def _prepare(stage: Stage, visits: int, language: LanguageCode | None) -> _Run:
    """Build all that dashboards show, unless an earlier run has, and empty the place of Superset."""
    company = _build(stage)
    variables = {
        **stage.environment,
        "CRM_ANALYTICS_HOME": str(stage.home),
        "SUPERSET_PORT": str(free_port()),
    }
    variables |= embedded_variables(variables)
    with connect_postgres(load_postgres_settings(stage.environment)) as connection:
        connection.execute(f"drop database if exists {METADATA_DATABASE}")
    _empty_caches(variables)
    languages = (language,) if language else LANGUAGES
    return _Run(stage, read_sources(), variables, company, require_chromium(), visits, languages)


def _build(stage: Stage) -> _Company:
    mark = stage.home / _BUILT
    if not mark.exists():
        say("building the models")
        build_models(stage, read_as_of(stage.crm), full_refresh=True)
        create_ml_tables(stage.warehouse)
        _compute_the_models(stage, _largest_company(stage))
        mark.touch()
    return _largest_company(stage)


def _largest_company(stage: Stage) -> _Company:
    query = "select tenant_id, count() as deals from analytics.fct_deals group by 1 order by 2 desc, 1 limit 1"
    return _Company(*stage.warehouse.rows(query)[0])


def _compute_the_models(stage: Stage, company: _Company) -> None:
    """Fill database `ml` for one company as a night would; for all of them it takes hours on two cores."""
    tenants = [tenant for tenant in read_tenants(stage.warehouse) if tenant.id == company.id]
    day = read_as_of(stage.crm).date()
    with Workers(_PROCESSES) as workers:
        for task in night_tasks(ArtefactStore(str(stage.home / "artefacts"))):
            say(f"{task.name} of {company.id}, {company.deals:,} deals")
            refresh(stage.warehouse, workers, task, tenants, day, dagster_run_id="benchmark", tell=say)


def _measure(run: _Run) -> Results:
    load_average = os.getloadavg()[0]
    load_dbt_project()
    bundle = build_bundle(run.sources, load_catalogue())
    log = superset_home(run.variables) / "superset.log"
    superset_home(run.variables).mkdir(parents=True, exist_ok=True)
    with UsageSampler() as usage:
        began = time.time()
        usage.watch(_CLICKHOUSE, run.stage.clickhouse_pid)
        run.timed("bootstrap: from an empty database to /health", lambda: _start(run, log).stop())
        servers: list[RunningSuperset] = []
        run.timed("start when nothing has changed", lambda: servers.append(_start(run, log)))
        with servers[0] as server:
            usage.watch(_SUPERSET, server.process.pid)
            run.timed("push: first", lambda: _asked_for(run, "push", bundle))
            run.timed("push: second, which changes nothing", lambda: _asked_for(run, "push", bundle))
            charts, pages = _look(run, usage)
            ended = time.time()
        memory = [
            Memory(title=title, peak=peak, cpu_seconds=cpu)
            for title, (cpu, peak) in usage.between(began, ended).items()
        ]
    return Results(
        measured_on=datetime.now(UTC).date().isoformat(),
        cores=psutil.cpu_count() or 1,
        memory_gib=psutil.virtual_memory().total / (1 << 30),
        load_average=load_average,
        clickhouse=str(run.stage.warehouse.client.server_version),
        superset_workers=load_superset_settings(run.variables).workers,
        tenant=run.company.id,
        tenant_deals=run.company.deals,
        rows=row_counts(
            run.stage.warehouse, "analytics.fct_deals", "analytics.fct_leads", "analytics.fct_activities",
            "analytics.sales_funnel", "analytics.manager_activity",
        ),
        steps=tuple(run.steps),
        warm_up=run.warm_up,
        charts=tuple(charts),
        pages=tuple(pages),
        memory=tuple(memory),
    )  # fmt: skip


def _look(run: _Run, usage: UsageSampler) -> tuple[list[ChartTimes], list[PageTimes]]:
    boards = list(_boards(run))
    say("what the dashboards ask for")
    questions = list(_questions(run, boards))
    api = {_DIRECTOR: _as_director(run), _OPERATOR: _as_operator(run)}
    say("data API, caches empty")
    _empty_caches(run.variables)
    cold = {name: [each.ask(question.body)[0] for question in questions] for name, each in api.items()}
    say("pages, caches empty")
    cold_visits = {board.title: [_cold_visit(run, board) for _ in range(run.visits)] for board in boards}
    run.timed("nightly warm-up", lambda: run.warm_up.update(_asked_for(run, "refresh")))
    say("data API, after the warm-up")
    first = {name: [each.ask(question.body) for question in questions] for name, each in api.items()}
    cached = {name: [each.ask(question.body)[0] for question in questions] for name, each in api.items()}
    charts = [
        ChartTimes(
            reader=name,
            dashboard=question.dashboard,
            title=question.title,
            cold=(cold[name][number],),
            cached=(first[name][number][0], cached[name][number]),
            kept=first[name][number][1],
        )
        for name in api
        for number, question in enumerate(questions)
    ]
    say("pages, after the warm-up")
    return charts, list(_pages(run, usage, boards, cold_visits))


def _pages(
    run: _Run, usage: UsageSampler, boards: list[_Board], cold: Mapping[str, list[Visit]]
) -> Iterator[PageTimes]:
    for board in boards:
        new_browser = [_first_visit(run, board) for _ in range(run.visits)]
        with reader(run.chromium) as page:
            # Chromium keeps the code that it has compiled from the second visit on.
            for _ in range(2):
                visit(page, board.address, board.session)
            began = time.time()
            returning = [visit(page, board.address, board.session) for _ in range(run.visits)]
            server_cpu, _ = usage.between(began, time.time())[_SUPERSET]
        yield PageTimes(
            dashboard=board.title,
            charts=returning[0].charts,
            questions=sum(asked.began < returning[0].drawn for asked in returning[0].asked),
            server_cpu=server_cpu / run.visits,
            page_cpu=sum(each.busy for each in returning) / run.visits / 1000,
            cold=_times(cold[board.title]),
            new_browser=_times(new_browser),
            returning=_times(returning),
        )


def _times(visits: list[Visit]) -> tuple[tuple[float, float], ...]:
    return tuple((each.first_paint, each.drawn) for each in visits)


def _cold_visit(run: _Run, board: _Board) -> Visit:
    _empty_caches(run.variables)
    return _first_visit(run, board)


def _first_visit(run: _Run, board: _Board) -> Visit:
    with reader(run.chromium) as page:
        return visit(page, board.address, board.session)


def _boards(run: _Run) -> Iterator[_Board]:
    settings = load_superset_settings(run.variables)
    person = Identity("director", run.company.id, "benchmark")
    for language in run.languages:
        session = sign_on(settings, run.base, person, language, datetime.now(UTC))
        for name in run.sources.dashboards:
            address = f"{run.base}/superset/dashboard/{dashboard_slug(name, language)}/"
            yield _Board(name, language, address, session)


def _questions(run: _Run, boards: list[_Board]) -> Iterator[_Question]:
    """Yield what the pages ask for, each question of a dashboard once."""
    titles = _chart_titles(run)
    for board in boards:
        known = set()
        for asked in everything_asked(run.chromium, board.address, board.session):
            if asked.body not in known:
                known.add(asked.body)
                yield _Question(board.title, _title(asked, titles), asked.body)


def _title(asked: Asked, titles: Mapping[int, str]) -> str:
    return titles.get(asked.chart, str(asked.chart)) if asked.chart is not None else f"options of {asked.filter}"


def _chart_titles(run: _Run) -> dict[int, str]:
    """Return the English titles of charts by Superset's ids."""
    settings = load_superset_settings(run.variables).metadata_uri.get_secret_value()
    english = translator(run.sources, "en")
    by_uuid = {
        asset_id("chart", name, language): english(source.title)
        for name, source in run.sources.charts.items()
        for language in LANGUAGES
    }
    with connect_postgres(
        load_postgres_settings({**run.stage.environment, "DB_NAME": settings.rpartition("/")[2]})
    ) as connection:
        rows = connection.execute("select id, uuid::text from slices").fetchall()
    return {int(number): by_uuid[uuid] for number, uuid in rows if uuid in by_uuid}


class _DataApi:
    """A reader of the data API, on a connection that stays open."""

    def __init__(self, base: str, headers: Mapping[str, str]) -> None:
        host, _, port = base.rpartition("/")[2].partition(":")
        self._connection = http.client.HTTPConnection(host, int(port), timeout=_REQUEST_SECONDS)
        self._headers = {"Accept": "application/json", "Content-Type": "application/json", **headers}
        self._last = time.monotonic()

    def ask(self, body: str) -> tuple[float, bool]:
        """Return the milliseconds until the whole answer was there, and whether all of it came from the cache."""
        # The server ends a connection that has been silent for longer, and the next question would be lost.
        if time.monotonic() - self._last > _SILENCE_SECONDS:
            self._connection.close()
        began = time.perf_counter()
        self._connection.request("POST", CHART_DATA, body.encode(), self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        milliseconds = (time.perf_counter() - began) * 1000
        self._last = time.monotonic()
        if answer.status != 200:
            raise SystemExit(f"the data API answered {answer.status}: {content[:500].decode()}")
        return milliseconds, all(result["is_cached"] for result in json.loads(content)["result"])


def _as_director(run: _Run) -> _DataApi:
    person = Identity("director", run.company.id, "benchmark")
    session = sign_on(load_superset_settings(run.variables), run.base, person, "en", datetime.now(UTC))
    return _DataApi(run.base, {"Cookie": f"session={session}"})


def _as_operator(run: _Run) -> _DataApi:
    password = run.variables["SUPERSET_ADMIN_PASSWORD"]
    login = {"username": "admin", "password": password, "provider": "db", "refresh": False}
    connection = http.client.HTTPConnection("127.0.0.1", int(run.variables["SUPERSET_PORT"]), timeout=_REQUEST_SECONDS)
    connection.request(
        "POST", "/api/v1/security/login", json.dumps(login).encode(), {"Content-Type": "application/json"}
    )
    token = json.loads(connection.getresponse().read())["access_token"]
    connection.close()
    return _DataApi(run.base, {"Authorization": f"Bearer {token}"})


def _start(run: _Run, log: Path) -> RunningSuperset:
    return start_superset(run.variables, log=log)


def _asked_for(run: _Run, action: Action, bundle: Bundle | None = None) -> dict[str, Any]:
    answer = ask(action, run.variables, bundle)
    if answer.get("errors"):
        raise SystemExit(f"Superset refused: {answer['errors']}")
    return answer


def _empty_caches(variables: Mapping[str, str]) -> None:
    """Forget every result that Superset keeps; the folder stays, since its processes know it."""
    for file in (superset_home(variables) / "cache" / "data").glob("*"):
        file.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
