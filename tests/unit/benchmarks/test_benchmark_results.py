"""The verdicts of the benchmark, and that the documentation shows the results that are kept."""

from __future__ import annotations

from benchmarks.document_marks import END, begin_mark
from benchmarks.peers.exactness import differences
from benchmarks.peers.report import report
from benchmarks.peers.results import Contender, Measured, Results, Step, limits
from benchmarks.report_tables import markdown
from deploy.settings import REPOSITORY


def _run(seconds: float, cpu: float, peak_mb: float = 60.0) -> Measured:
    return Measured(seconds=seconds, worker_cpu=cpu / 4, postgres_cpu=cpu / 2, clickhouse_cpu=cpu / 4, peak_mb=peak_mb)


def _contender(name: str, *runs: Measured, wrong: str = "", failed: str = "") -> Contender:
    return Contender(name=name, title=name, runs=runs, wrong=wrong, failed=failed)


def _results(push: Contender) -> Results:
    return Results(
        rows=5_000_000,
        small_rows=100_000,
        changed_rows=50_000,
        measured_on="2026-01-01",
        cores=2,
        memory_gib=8,
        load_average=0.0,
        versions={"ClickHouse": "26.9"},
        contenders=(
            _contender("copy-binary", _run(5, 5), _run(5, 10), _run(5, 5)),
            _contender("pull", _run(10, 14), _run(10, 28), _run(10, 15)),
            _contender("quickhouse", _run(11, 20), _run(9, 20), _run(12, 20), wrong="rows is 1 instead of 2"),
            push,
        ),
        quiet_small=Step(title="quiet, small", runs=(_run(0.1, 0.1),)),
        quiet=Step(title="quiet", runs=(_run(0.2, 0.1),)),
        changed=Step(title="changed", runs=(_run(0.9, 1), _run(1.4, 1), _run(0.8, 1))),
        reconciled_quiet=Step(title="reconciled", runs=(_run(4, 4, 299),)),
        reconciled_damaged=Step(title="repaired", failed="it fell over"),
    )


def test_each_limit_gets_its_verdict() -> None:
    found = limits(_results(_contender("push", failed="no way")))
    assert [(limit.measured, limit.verdict) for limit in found] == [
        ("2.80 x", "met"),  # the median of the ratios of each round, not the ratio of medians
        ("", "not measured"),
        ("0.91 x (0.91, 1.11, 0.83)", "met"),
        ("", "not measured"),
        ("299 MB", "met"),
        ("0.90 s", "met"),
        ("2.00 x", "missed"),
        ("4.00 s", "met"),
        ("", "not measured"),
    ]


def test_a_limit_that_is_passed_by_a_little_is_missed() -> None:
    push = _contender("push", _run(11.1, 14.1, 301), _run(9, 28.2), _run(12, 14.1))
    verdicts = {limit.what: limit.verdict for limit in limits(_results(push))}
    assert verdicts["push: CPU of all parts against COPY binary to nowhere"] == "missed"
    assert verdicts["push: wall time against quickhouse, median of 3 pairs"] == "missed"
    assert verdicts["our worker's peak memory, all jobs"] == "missed"


def test_wrong_and_failed_contenders_are_called_so() -> None:
    text = markdown(report(_results(_contender("push", failed="no way"))))
    assert "wrong: rows is 1 instead of 2" in text
    assert "failed: no way" in text and "failed: it fell over" in text


def test_a_copy_is_exact_to_the_last_digit() -> None:
    expected = {"sum of amounts": "10.50", "sum of created_at": "1700000000000001", "rows": "10"}
    assert not differences(expected, {**expected, "sum of amounts": "10.5"})
    assert differences(expected, {**expected, "rows": "1"}) == "rows is 1 instead of 10"
    assert differences(expected, {**expected, "sum of created_at": "1700000000000000"})


def test_the_documentation_shows_the_results_that_are_kept() -> None:
    data, page = (REPOSITORY / "docs" / f"benchmarks.{suffix}" for suffix in ("json", "md"))
    kept = Results.model_validate_json(data.read_text(encoding="utf-8"))
    shown = page.read_text(encoding="utf-8").partition(begin_mark("make bench-extraction"))[2].partition(END)[0]
    assert shown.strip() == markdown(report(kept))
