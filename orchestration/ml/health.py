"""Whether what the models said has held so far: judged from the marts, with a sentence and the figures behind it.

Queries read `analytics`; turning a verdict into an asset check belongs in `orchestration.defs.ml.checks`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import NormalDist

from orchestration.extraction.replica import Warehouse

STALE_AFTER = timedelta(days=2)
_LEAST_FACTS = 12
_JUDGED_MONTHS = 12
_IMPROBABLE = 0.01
_ERROR_RATIO = 2.0

_YEAR = f"month >= addMonths((select max(as_of_day) from analytics.dim_tenants), -{_JUDGED_MONTHS})"

# One forecast per finished month: the newest one that knew nothing of it.
_COVERED = f"""
select tenant_id, count() as facts, countIf(is_covered) as covered
from (
    select tenant_id, month, argMax(is_covered, as_of) as is_covered
    from analytics.forecast_vs_fact
    where
        dimension = 'tenant' and confidence = 0.95 and actual is not null and as_of <= month and {_YEAR}
    group by tenant_id, month
)
group by tenant_id
order by tenant_id
"""

_ERRORS = f"""
select
    recent.tenant_id as tenant_id, recent.months as months, recent.absolute_error as absolute_error,
    promised.absolute_error as promised
from (
    select tenant_id, count() as months, avg(error) as absolute_error
    from (
        select tenant_id, month, argMax(toFloat64(absolute_error), as_of) as error
        from analytics.forecast_vs_fact
        where
            dimension = 'tenant' and confidence = 0.95 and actual is not null and as_of <= month and {_YEAR}
        group by tenant_id, month
    )
    group by tenant_id
) as recent
inner join (
    select tenant_id, avg(toFloat64(absolute_error)) as absolute_error
    from analytics.forecast_backtest
    where dimension = 'tenant' and is_published
    group by tenant_id
) as promised on recent.tenant_id = promised.tenant_id
where recent.months >= 3
order by tenant_id
"""

_CALIBRATION = """
select tenant_id, subject, passed, n, expected, observed
from analytics.model_checks
order by tenant_id, subject
"""

_DRIFT = """
select tenant_id, subject, feature, psi
from analytics.model_drift
where is_used and drift = 'strong'
order by psi desc
"""

_NEWEST = """
select tenants.tenant_id, tasks.task, max(runs.as_of), any(tenants.as_of_day)
from (select tenant_id, as_of_day from analytics.dim_tenants where is_active) as tenants
cross join (select distinct task from ml.model_runs) as tasks
left join (
    select tenant_id, task, as_of from ml.model_runs where status = 'succeeded'
) as runs on tenants.tenant_id = runs.tenant_id and tasks.task = runs.task
group by tenants.tenant_id, tasks.task
order by tenants.tenant_id, tasks.task
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether something holds, in one sentence, with the figures behind it."""

    passed: bool
    sentence: str
    figures: Mapping[str, float | int | str] = field(default_factory=dict)


def bands_hold(warehouse: Warehouse) -> Verdict:
    """Tell whether 95 % bands have held about 95 % of the finished months of the last year."""
    rows = [(str(tenant), int(facts), int(covered)) for tenant, facts, covered in warehouse.rows(_COVERED)]
    return judge_coverage(rows, level=0.95)


def judge_coverage(rows: list[tuple[str, int, int]], *, level: float) -> Verdict:
    """Judge how many facts lay within their bands, over all tenants together: one of them has too few to tell.

    Args:
        rows: tenant, finished months, those of them within the band.
        level: the share that ought to be.
    """
    facts, covered = sum(row[1] for row in rows), sum(row[2] for row in rows)
    figures = {"facts": facts, "covered": covered}
    if facts < _LEAST_FACTS:
        return Verdict(True, f"{facts} finished months: too few to judge, {_LEAST_FACTS} are needed", figures)
    spread = (facts * level * (1 - level)) ** 0.5
    chance = NormalDist().cdf((covered + 0.5 - facts * level) / spread)
    said = f"{covered} of {facts} finished months lay within the {level:.0%} band"
    if chance >= _IMPROBABLE:
        return Verdict(True, said, figures)
    worst = sorted(rows, key=lambda row: row[2] - row[1])[:3]
    told = ", ".join(f"{tenant} {within} of {months}" for tenant, months, within in worst)
    return Verdict(False, f"{said}: too few for chance; {told}", figures)


def errors_as_promised(warehouse: Warehouse) -> Verdict:
    """Tell whether forecasts err by about what the backtest promised: if not, sales have changed their ways."""
    rows = warehouse.rows(_ERRORS)
    ratios = {str(tenant): error / promised for tenant, _, error, promised in rows if promised}
    if not ratios:
        return Verdict(True, "too few finished months to judge, three of a tenant are needed")
    off = {tenant: ratio for tenant, ratio in ratios.items() if ratio > _ERROR_RATIO}
    figures = {f"ratio {tenant}": round(ratio, 2) for tenant, ratio in ratios.items()}
    if not off:
        return Verdict(True, f"{len(ratios)} tenants err as the backtest says", figures)
    told = ", ".join(f"{tenant} {ratio:.1f} times" for tenant, ratio in sorted(off.items()))
    return Verdict(False, f"errors beyond the backtest's: {told}", figures)


def calibration_holds(warehouse: Warehouse) -> Verdict:
    """Tell whether the chances of customers, leads and deals came true on the newest period that is over."""
    rows = warehouse.rows(_CALIBRATION)
    if not rows:
        return Verdict(True, "nothing has been scored yet")
    broken = [row for row in rows if not row[2]]
    if not broken:
        return Verdict(True, f"the chances of {len(rows)} models held")
    told = "; ".join(
        f"{tenant} {subject}: said {expected:.1%}, came {observed:.1%} of {n}"
        for tenant, subject, _, n, expected, observed in broken
    )
    return Verdict(False, f"the chances of {len(broken)} of {len(rows)} models did not hold: {told}")


def inputs_are_alike(warehouse: Warehouse) -> Verdict:
    """Tell whether today's records are like those that the models were learnt from."""
    rows = warehouse.rows(_DRIFT)
    if not rows:
        return Verdict(True, "no feature has drifted strongly")
    told = "; ".join(f"{tenant} {subject} {feature} (PSI {psi:.2f})" for tenant, subject, feature, psi in rows[:5])
    return Verdict(False, f"{len(rows)} features have drifted strongly: {told}", {"features": len(rows)})


def nothing_is_stale(warehouse: Warehouse) -> Verdict:
    """Tell whether every active tenant has results of every task that stand on one of its last days."""
    rows = warehouse.rows(_NEWEST)
    late = [(tenant, task, newest) for tenant, task, newest, today in rows if today - newest > STALE_AFTER]
    if not rows:
        return Verdict(True, "no model has run yet: start ml_refresh")
    if not late:
        return Verdict(True, f"{len(rows)} tasks of tenants are fresh")
    told = "; ".join(f"{tenant} {task} of {newest}" for tenant, task, newest in late[:5])
    return Verdict(False, f"{len(late)} of {len(rows)} are older than {STALE_AFTER.days} days: {told}")
