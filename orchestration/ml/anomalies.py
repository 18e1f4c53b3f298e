"""Reads one tenant's daily measures and finds what is odd in them, in a process of its own.

What is odd belongs in `ml_assets.anomalies`; this module joins it with the marts and describes the run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from functools import partial

import pandas as pd

from ml_assets.anomalies import AnomalyConfig, detect_anomalies
from ml_assets.anomalies.plot import plot_series
from ml_assets.calendars import COUNTRIES
from orchestration.extraction.replica import Warehouse
from orchestration.ml.marts import STATES, Tenant, query_frame
from orchestration.ml.model_run import Computed

# History, memory and a month to spare: what is older is not looked at.
_MONTHS_READ = 24

_PLACES = """
    arrayJoin([
        ('total', '', '', ''),
        ('department', department_id, '', department_name),
        ('manager', manager_id, department_id, manager_name)
    ]) as place,
    place.1 as dimension, place.2 as member, place.3 as parent, place.4 as name
"""
_READ = f"{{as_of:Date32}} - interval {_MONTHS_READ} month"
_NO_DENOMINATOR = "cast(null as Nullable(Float64)) as denominator"


def _counted(metric: str, mart: str, day: str, value: str, denominator: str, where: str = "true") -> str:
    return f"""
select '{metric}' as metric, {_PLACES}, assumeNotNull({day}) as day, {value} as value, {denominator}
from analytics.{mart}
where tenant_id = {{tenant:String}} and {day} < {{as_of:Date32}} and {day} >= {_READ} and {where}
group by all
"""


_MEASURES = " union all ".join(
    (
        f"""
select 'sales' as metric, {_PLACES}, assumeNotNull(states.since_then) as day,
    toFloat64(sum(ifNull(deals.amount_base, 0))) as value, {_NO_DENOMINATOR}
from analytics.fct_deals as deals
inner join ({STATES}) as states on deals.deal_id = states.deal_id
where deals.tenant_id = {{tenant:String}} and states.outcome_then = 'won' and day >= {_READ}
group by all
""",
        _counted("leads", "fct_leads", "created_day", "toFloat64(count())", _NO_DENOMINATOR, "not is_duplicate"),
        _counted(
            "conversion", "fct_leads", "created_day", "toFloat64(0)", "toNullable(toFloat64(count())) as denominator",
            "not is_duplicate",
        ),
        _counted(
            "conversion", "fct_leads", "conversion_day", "toFloat64(count())",
            "toNullable(toFloat64(0)) as denominator", "not is_duplicate and is_converted",
        ),
        _counted("activity", "fct_activities", "completed_day", "toFloat64(count())", _NO_DENOMINATOR, "is_completed"),
    )
)  # fmt: skip

# Events of earlier nights, so that they keep their identity and are told once, with what readers say of them.
_KNOWN = """
select
    events.event_id as event_id, events.was_alerted as was_alerted, events.metric as metric,
    events.dimension as dimension, events.member as member, events.grain as grain, events.direction as direction,
    events.first_day as first_day, events.last_day as last_day, feedback.is_false_positive as is_false_positive
from (
    select
        event_id, max(is_alert) as was_alerted, argMax(metric, as_of) as metric, argMax(dimension, as_of) as dimension,
        argMax(member, as_of) as member, argMax(grain, as_of) as grain, argMax(direction, as_of) as direction,
        argMax(first_day, as_of) as first_day, argMax(last_day, as_of) as last_day
    from ml.anomaly_events
    where tenant_id = {tenant:String} and as_of < {as_of:Date32}
    group by event_id
) as events
left join (
    select event_id, is_false_positive from ml.anomaly_feedback final where tenant_id = {tenant:String}
) as feedback on events.event_id = feedback.event_id
order by event_id
"""


@dataclass(frozen=True)
class AnomalyInput:
    """One tenant's measures and known events as `detect_anomalies` wants them."""

    tenant: Tenant
    as_of: date
    measures: pd.DataFrame
    known: pd.DataFrame
    pictures: bool


def read_anomaly_input(warehouse: Warehouse, tenant: Tenant, as_of: date, *, pictures: bool) -> AnomalyInput:
    """Read what happened on each day before `as_of`, by tenant, department and manager."""
    measures, known = (query_frame(warehouse, query, tenant.id, as_of) for query in (_MEASURES, _KNOWN))
    columns = ["metric", "dimension", "member", "day"]
    measures = measures.drop(columns="place").sort_values(columns, kind="stable", ignore_index=True)
    return AnomalyInput(tenant, as_of, measures.assign(tenant_id=tenant.id), known, pictures)


def compute_anomalies(given: AnomalyInput) -> Computed:
    """Find the anomalies of the newest days. Raises whatever the library raises."""
    country = given.tenant.country if given.tenant.country in COUNTRIES else None
    config = AnomalyConfig(country=country, currency=given.tenant.currency)
    result = detect_anomalies(given.measures, given.as_of, config, given.known if len(given.known) else None)
    frames = {"anomaly_points": result.points, "anomaly_events": result.events}
    if result.runs.empty:
        return Computed(frames=frames)
    run = result.runs.iloc[0]
    counted = ("series", "scored_series", "short_series", "sparse_series", "anomalies", "events", "alerts")
    return Computed(
        frames=frames,
        data_hash=str(run["data_hash"]),
        versions=json.loads(str(run["versions"])),
        parameters=str(run["parameters"]),
        metrics={name: float(run[name]) for name in counted},
        plots=_plots(given, result.points, result.events) if given.pictures else {},
        cpu_seconds=float(run["cpu_seconds"]),
    )


def _plots(given: AnomalyInput, points: pd.DataFrame, events: pd.DataFrame) -> dict[str, bytes]:
    language = "ru" if given.tenant.locale.startswith("ru") else "en"
    draw = partial(plot_series, points, events, language=language, tenant=given.tenant.name)
    return {
        "sales week": draw("sales", grain="week", currency=given.tenant.currency),
        "leads day": draw("leads", grain="day"),
    }
