"""`make mutate`: break the metric rules one by one and see whether their unit tests notice.

Each mutation is applied to a copy of the dbt project, and the unit tests of its rule run on an embedded ClickHouse
without data. A mutation is killed when a test fails for its rows. It survives when all pass; it is void when the broken
SQL does not run, as then nothing was tested, or when its text is no longer there. Any that is not killed makes the exit
code 1.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from queue import SimpleQueue

from deploy.embedded.clickhouse import RunningClickHouse, start_clickhouse
from orchestration.dbt_manifest import PROJECT_FOLDER, load_dbt_project
from tests.mutations.mutation import DoesNotApply, Mutation, read_mutations
from tests.mutations.rounds import Trial, plan_rounds, plan_trials
from tests.mutations.rules import read_rules

_USER, _PASSWORD = "mutations", "mutations"


class Verdict(StrEnum):
    """What became of a mutation."""

    KILLED = "killed"
    SURVIVED = "SURVIVED"
    VOID = "VOID"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A mutation, what became of it, and the tests or the text that tell why."""

    mutation: Mutation
    verdict: Verdict
    why: str


class DbtFailed(Exception):
    """dbt ended before it ran a test; holds what it printed."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of the dbt project in which one round of mutations after the other is tried.

    Attributes:
        folder: of the copy, with room for dbt's target beside the project.
        number: tells its databases from those of the other copies.
        server: the ClickHouse to run on.
    """

    folder: Path
    number: int
    server: RunningClickHouse

    @property
    def project(self) -> Path:
        """The copied project."""
        return self.folder / "dbt_project"

    def statuses(self, tests: Iterable[str]) -> dict[str, str]:
        """Run unit tests by name and return what dbt says of each: pass, fail or error.

        Raises:
            DbtFailed: dbt could not run them.
        """
        target = self.folder / "target"
        results = target / "run_results.json"
        results.unlink(missing_ok=True)
        finished = subprocess.run(
            [
                str(Path(sys.executable).parent / "dbt"), "--no-use-colors", "test", "--target", "dev",
                "--resource-type", "unit_test", "--select", *tests,
                "--project-dir", str(self.project), "--profiles-dir", str(self.project),
                "--target-path", str(target), "--log-path", str(self.folder),
            ],
            env={
                **os.environ,
                "CLICKHOUSE_HOST": self.server.host,
                "CLICKHOUSE_PORT": str(self.server.port),
                "CLICKHOUSE_USER": _USER,
                "CLICKHOUSE_PASSWORD": _PASSWORD,
                "DBT_DEVELOPER": f"mutation{self.number}",
            },
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        if not results.exists():
            raise DbtFailed(finished.stdout)
        ran = json.loads(results.read_text(encoding="utf-8"))["results"]
        return {
            result["unique_id"].split(".")[-1]: result["status"]
            for result in ran
            if result["unique_id"].startswith("unit_test.")
        }

    def outcomes(self, trials: Sequence[Trial]) -> list[Outcome]:
        """Try mutations that change different models, together."""
        fitting, outcomes = [], []
        for trial in trials:
            try:
                trial.mutation.applied((PROJECT_FOLDER / trial.mutation.file).read_text(encoding="utf-8"))
                fitting.append(trial)
            except DoesNotApply as problem:
                outcomes.append(Outcome(trial.mutation, Verdict.VOID, str(problem)))
        if not fitting:
            return outcomes
        try:
            with self._broken(fitting):
                statuses = self.statuses(sorted({test for trial in fitting for test in trial.tests}))
        except DbtFailed as problem:
            if len(fitting) > 1:
                return outcomes + [outcome for trial in fitting for outcome in self.outcomes([trial])]
            return [*outcomes, Outcome(fitting[0].mutation, Verdict.VOID, f"dbt refuses the project: {problem}")]
        return outcomes + [judged(trial, statuses) for trial in fitting]

    @contextmanager
    def _broken(self, trials: Sequence[Trial]) -> Iterator[None]:
        """Hold the copy with these mutations."""
        whole = {}
        for mutation in (trial.mutation for trial in trials):
            path = self.project / mutation.file
            whole[path] = path.read_text(encoding="utf-8")
            path.write_text(mutation.applied(whole[path]), encoding="utf-8")
        try:
            yield
        finally:
            for path, text in whole.items():
                path.write_text(text, encoding="utf-8")


def judged(trial: Trial, statuses: dict[str, str]) -> Outcome:
    """Return what the statuses of its tests make of a mutation."""
    had = {test: statuses.get(test, "") for test in trial.tests}
    failed, broken = (sorted(test for test in had if had[test] == status) for status in ("fail", "error"))
    if failed:
        return Outcome(trial.mutation, Verdict.KILLED, ", ".join(failed))
    if broken:
        return Outcome(trial.mutation, Verdict.VOID, f"the SQL does not run in {', '.join(broken)}")
    return Outcome(trial.mutation, Verdict.SURVIVED, f"passed: {', '.join(sorted(had)) or 'no test of the rule ran'}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the mutations; return the exit code."""
    parser = argparse.ArgumentParser(prog="make mutate", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rule", action="append", help="only mutations of this rule; may be given again")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1), help="how many runs of dbt at once")
    chosen = parser.parse_args(arguments)
    mutations = [each for each in read_mutations() if chosen.rule is None or each.rule in chosen.rule]
    if not mutations:
        print(f"error: no mutation breaks {', '.join(chosen.rule)}", file=sys.stderr)
        return 1
    manifest = json.loads(Path(load_dbt_project().manifest_path).read_text(encoding="utf-8"))
    trials = plan_trials(mutations, read_rules(), manifest)
    with tempfile.TemporaryDirectory(prefix="crm-analytics-mutations-") as folder:
        return _report(_try_all(trials, chosen.workers, Path(folder)))


def _try_all(trials: Sequence[Trial], workers: int, folder: Path) -> list[Outcome]:
    started = time.monotonic()
    rounds = plan_rounds(trials)
    with ExitStack() as stack:
        server = stack.enter_context(start_clickhouse(folder / "clickhouse", user=_USER, password=_PASSWORD))
        copies: SimpleQueue[Copy] = SimpleQueue()
        for number in range(min(workers, len(rounds))):
            copy = Copy(folder / str(number), number, server)
            shutil.copytree(PROJECT_FOLDER, copy.project, ignore=shutil.ignore_patterns("target", "logs"))
            copies.put(copy)

        def tried(together: list[Trial]) -> list[Outcome]:
            copy = copies.get()
            try:
                outcomes = copy.outcomes(together)
            finally:
                copies.put(copy)
            seconds = time.monotonic() - started
            for outcome in outcomes:
                print(f"{seconds:5.0f} s  {outcome.verdict:9} {outcome.mutation.rule:24} {outcome.why}", flush=True)
            return outcomes

        whole = copies.get()
        statuses = whole.statuses(sorted({test for trial in trials for test in trial.tests}))
        copies.put(whole)
        failing = sorted(test for test, status in statuses.items() if status != "pass")
        if failing or not statuses:
            raise SystemExit(f"error: with nothing broken these do not pass: {', '.join(failing) or 'no test ran'}")
        print(
            f"{time.monotonic() - started:5.0f} s  {len(statuses)} unit tests pass with nothing broken; "
            f"{len(trials)} mutations in {len(rounds)} runs of dbt",
            flush=True,
        )
        with ThreadPoolExecutor(workers) as pool:
            return [outcome for outcomes in pool.map(tried, rounds) for outcome in outcomes]


def _report(outcomes: Sequence[Outcome]) -> int:
    counts = Counter(outcome.verdict for outcome in outcomes)
    print(", ".join(f"{counts[verdict]} {verdict.lower()}" for verdict in Verdict))
    for outcome in outcomes:
        if outcome.verdict is not Verdict.KILLED:
            change = outcome.mutation
            print(f"\n{outcome.verdict} {change.rule} in dbt_project/{change.file}: {outcome.why}")
            print(f"  {change.text.strip()}\n  -> {change.broken.strip()}")
    return 0 if counts[Verdict.KILLED] == len(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
