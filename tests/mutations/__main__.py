"""`make mutate`: break the metric rules one by one and see whether their unit tests notice.

For each mutation, the unit tests of its rule run on a copy of the dbt project in which the rule is broken, on an
embedded ClickHouse without data. A mutation is killed when a test fails for its rows. It survives when all pass; it is
void when the broken SQL does not run, as then nothing was tested, or when its text is no longer there. All of these
but the killed ones make the exit code 1.
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
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from queue import SimpleQueue

from deploy.embedded.clickhouse import RunningClickHouse, start_clickhouse
from deploy.settings import REPOSITORY
from tests.mutations.mutation import DoesNotApply, Mutation, read_mutations
from tests.mutations.rules import read_rules

_PROJECT = REPOSITORY / "dbt_project"
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


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of the dbt project in which one mutation after the other is tried.

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

    def outcome(self, mutation: Mutation, tests: Sequence[str]) -> Outcome:
        """Break the copy by a mutation, run the tests, and mend it again."""
        path = self.project / mutation.file
        whole = path.read_text(encoding="utf-8")
        try:
            path.write_text(mutation.applied(whole), encoding="utf-8")
            statuses = self.statuses(tests)
        except DoesNotApply as problem:
            return Outcome(mutation, Verdict.VOID, str(problem))
        except DbtFailed as problem:
            return Outcome(mutation, Verdict.VOID, f"dbt refuses the project: {problem}")
        finally:
            path.write_text(whole, encoding="utf-8")
        return judged(mutation, statuses)


class DbtFailed(Exception):
    """dbt ended before it ran a test; holds what it printed."""


def judged(mutation: Mutation, statuses: dict[str, str]) -> Outcome:
    """Return what the statuses of its tests make of a mutation."""
    failed, broken = (sorted(test for test, had in statuses.items() if had == status) for status in ("fail", "error"))
    if failed:
        return Outcome(mutation, Verdict.KILLED, ", ".join(failed))
    if broken:
        return Outcome(mutation, Verdict.VOID, f"the SQL does not run in {', '.join(broken)}")
    return Outcome(mutation, Verdict.SURVIVED, f"passed: {', '.join(sorted(statuses)) or 'no test ran'}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the mutations; return the exit code."""
    parser = argparse.ArgumentParser(prog="make mutate", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rule", action="append", help="only mutations of this rule; may be given again")
    parser.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1), help="how many run at once")
    chosen = parser.parse_args(arguments)
    mutations = [each for each in read_mutations() if chosen.rule is None or each.rule in chosen.rule]
    if not mutations:
        print(f"error: no mutation breaks {', '.join(chosen.rule)}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="crm-analytics-mutations-") as folder:
        return _report(_try_all(mutations, chosen.workers, Path(folder)))


def _try_all(mutations: Sequence[Mutation], workers: int, folder: Path) -> list[Outcome]:
    tests = {rule.id: rule.dbt_tests for rule in read_rules()}
    started = time.monotonic()
    with ExitStack() as stack:
        server = stack.enter_context(start_clickhouse(folder / "clickhouse", user=_USER, password=_PASSWORD))
        copies: SimpleQueue[Copy] = SimpleQueue()
        for number in range(workers):
            copy = Copy(folder / str(number), number, server)
            shutil.copytree(_PROJECT, copy.project, ignore=shutil.ignore_patterns("target", "logs"))
            copies.put(copy)

        def tried(mutation: Mutation) -> Outcome:
            copy = copies.get()
            try:
                outcome = copy.outcome(mutation, tests[mutation.rule])
            finally:
                copies.put(copy)
            seconds = time.monotonic() - started
            print(f"{seconds:6.0f} s  {outcome.verdict:9} {mutation.rule:26} {outcome.why}", flush=True)
            return outcome

        whole = copies.get()
        needed = sorted({test for mutation in mutations for test in tests[mutation.rule]})
        statuses = whole.statuses(needed)
        copies.put(whole)
        failing = sorted(test for test, status in statuses.items() if status != "pass")
        if failing or not statuses:
            raise SystemExit(f"error: without a mutation these do not pass: {', '.join(failing) or 'no test ran'}")
        print(
            f"{time.monotonic() - started:6.0f} s  {len(statuses)} unit tests pass as long as nothing is broken",
            flush=True,
        )
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(tried, mutations))


def _report(outcomes: Sequence[Outcome]) -> int:
    counts = {verdict: sum(outcome.verdict is verdict for outcome in outcomes) for verdict in Verdict}
    print(", ".join(f"{count} {verdict.lower()}" for verdict, count in counts.items()))
    for outcome in outcomes:
        if outcome.verdict is not Verdict.KILLED:
            change = outcome.mutation
            print(f"\n{outcome.verdict} {change.rule} in dbt_project/{change.file}: {outcome.why}")
            print(f"  {change.text.strip()}\n  -> {change.broken.strip()}")
    return 0 if counts[Verdict.KILLED] == len(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
