"""The anomalies of one tenant: rows of measures through panel, scores, events and explanations into frames.

This module only puts the steps together and lays their results out as rows; each step has a module of its own.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date
from importlib.metadata import version

import numpy as np
import pandas as pd

from ml_assets.anomalies.config import DAY, DOWN, RATIO, UP, AnomalyConfig
from ml_assets.anomalies.events import Event, Feedback, find_events, money, severity, usual_week
from ml_assets.anomalies.explanation import explain, name_of
from ml_assets.anomalies.scoring import SCORED, TOO_SHORT, TOO_SPARSE, Grain, Scored, score_panel
from ml_assets.anomalies.series import build_panel
from ml_assets.anomalies.wording import sentence
from ml_assets.calendars import DayKind

ANOMALY_COLUMNS = (
    "tenant_id", "metric", "dimension", "member", "name", "grain", "period_start", "as_of", "value", "denominator",
    "expected", "lower", "upper", "score", "threshold", "is_anomaly", "direction", "severity", "effect", "effect_money",
    "day_kind", "status", "event_id",
)  # fmt: skip
EVENT_COLUMNS = (
    "tenant_id", "event_id", "metric", "dimension", "member", "name", "grain", "as_of", "direction", "first_day",
    "last_day", "peak_day", "periods", "value", "expected", "deviation", "effect", "effect_money", "effect_share",
    "score", "severity", "status", "is_false_positive", "is_alert", "told_by", "explanation_en", "explanation_ru",
    "explanation",
)  # fmt: skip
RUN_COLUMNS = (
    "tenant_id", "as_of", "data_hash", "versions", "parameters", "series", "scored_series", "short_series",
    "sparse_series", "points", "anomalies", "events", "alerts", "false_positives", "seconds", "cpu_seconds",
)  # fmt: skip
_PACKAGES = ("numpy", "pandas", "scipy", "scikit-learn", "statsmodels", "holidays", "babel")


@dataclass(frozen=True)
class AnomalyResult:
    """Frames of one run; columns as in `ANOMALY_COLUMNS`, `EVENT_COLUMNS`, `RUN_COLUMNS`.

    Attributes:
        points: one row per series, grain and period of the window, scored or not; `status` says why not.
        events: one row per event that touches the window, the most important first.
        runs: one row: hash of the data, versions, parameters, figures.
    """

    points: pd.DataFrame
    events: pd.DataFrame
    runs: pd.DataFrame


def detect_anomalies(
    measures: pd.DataFrame,
    as_of: date,
    config: AnomalyConfig | None = None,
    feedback: pd.DataFrame | None = None,
) -> AnomalyResult:
    """Find what is odd in one tenant's measures up to the day before `as_of`.

    Args:
        measures: one row per day and series with the columns of `MEASURE_COLUMNS`; rows of one day are added up, days
            without a row are zeros. `dimension` is `total` (its `member` is ignored), `department`, `manager` or any
            other. Optional columns: `denominator` makes a metric a ratio of `value` to it; `parent`, the department of
            a manager; `name`, what a member is called in texts.
        as_of: the day of the run; it counts as unfinished, and so does its week.
        config: settings; the defaults are those that docs/anomalies.md measures.
        feedback: rows with `event_id` and `is_false_positive`; with `was_alerted`, an event that was not told yet is an
            alert while it goes on, else only in the night after its first period. With `SPAN_COLUMNS`, a known event
            keeps its id when restated figures move its first day.

    Raises:
        ValueError: a column is missing, a day cannot be read or there is more than one tenant. No series raises.
    """
    settings = config or AnomalyConfig()
    known = Feedback.of(feedback)
    started, cpu_started = time.monotonic(), time.process_time()
    scored = score_panel(build_panel(measures, as_of, settings), settings)
    events = find_events(scored, known, settings)
    points = pd.DataFrame(list(_point_rows(scored, events, as_of, settings)), columns=list(ANOMALY_COLUMNS))
    rows = [_event_row(event, scored, as_of, settings) for event in events]
    run = _run_row(scored, points, events, as_of, settings)
    run |= {"seconds": time.monotonic() - started, "cpu_seconds": time.process_time() - cpu_started}
    return AnomalyResult(
        points=points,
        events=pd.DataFrame(rows, columns=list(EVENT_COLUMNS)),
        runs=pd.DataFrame([run] if scored.panel.keys else [], columns=list(RUN_COLUMNS)),
    )


def _point_rows(scored: Scored, events: list[Event], as_of: date, config: AnomalyConfig) -> Iterator[dict[str, object]]:
    panel = scored.panel
    ids = {(event.key, event.grain, position): event.event_id for event in events for position in event.positions}
    for grain in (scored.day, scored.week):
        shown = scored.shown(grain.name, config)
        for row, key in enumerate(panel.keys):
            for place in shown:
                yield _point_row(scored, grain, row, int(place), as_of, config) | {
                    "event_id": ids.get((key, grain.name, int(place)), "")
                }


def _point_row(
    scored: Scored, grain: Grain, row: int, place: int, as_of: date, config: AnomalyConfig
) -> dict[str, object]:
    panel, key, kind = scored.panel, scored.panel.keys[row], scored.panel.kinds[row]
    start = grain.periods[place]
    value, expected = grain.value[row, place], grain.expected[row, place]
    effect = float((value - expected) * (grain.denominator[row, place] if kind == RATIO else 1.0))
    is_anomaly = bool(grain.is_anomaly[row, place])
    direction = UP if value > expected else DOWN
    share = abs(effect) / usual_week(panel, key, kind, start) if is_anomaly else 0.0
    return {
        "tenant_id": panel.tenant_id, **asdict(key), "name": name_of(panel, key), "grain": grain.name,
        "period_start": start.date(), "as_of": as_of, "value": _or_none(value),
        "denominator": _or_none(grain.denominator[row, place]), "expected": _or_none(expected),
        "lower": _or_none(grain.lower[row, place]), "upper": _or_none(grain.upper[row, place]),
        "score": _or_none(grain.score[row, place]), "threshold": _or_none(grain.threshold[row, place]),
        "is_anomaly": is_anomaly, "direction": direction if is_anomaly else "",
        "severity": severity(float(grain.distance[row, place]), share, direction) if is_anomaly else "",
        "effect": _or_none(effect),
        "effect_money": money(panel, key, kind, effect, start, config) if np.isfinite(effect) else None,
        "day_kind": DayKind(panel.day_kinds[place]).name.lower() if grain.name == DAY else "",
        "status": grain.status[row, place],
    }  # fmt: skip


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _event_row(event: Event, scored: Scored, as_of: date, config: AnomalyConfig) -> dict[str, object]:
    found = explain(event, scored, config)
    return {
        "tenant_id": scored.panel.tenant_id, "event_id": event.event_id, **asdict(event.key), "name": found.name,
        "grain": event.grain, "as_of": as_of, "direction": event.direction, "first_day": event.first_day,
        "last_day": event.last_day, "peak_day": event.peak_day, "periods": event.periods, "value": event.value,
        "expected": event.expected, "deviation": event.deviation, "effect": event.effect,
        "effect_money": event.effect_money, "effect_share": event.effect_share, "score": event.score,
        "severity": event.severity, "status": event.status, "is_false_positive": event.is_false_positive,
        "is_alert": event.is_alert, "told_by": event.told_by,
        "explanation_en": sentence(event, found, "en", config), "explanation_ru": sentence(event, found, "ru", config),
        "explanation": found.as_json(event),
    }  # fmt: skip


def _run_row(
    scored: Scored, points: pd.DataFrame, events: list[Event], as_of: date, config: AnomalyConfig
) -> dict[str, object]:
    newest = scored.day.status[:, -1]
    parameters = asdict(replace(config, metric_kinds={})) | {"metric_kinds": dict(config.metric_kinds)}
    return {
        "tenant_id": scored.panel.tenant_id,
        "as_of": as_of,
        "data_hash": _data_hash(scored),
        "versions": json.dumps({name: version(name) for name in _PACKAGES}),
        "parameters": json.dumps(parameters),
        "series": len(scored.panel.keys),
        "scored_series": int((newest != TOO_SHORT).sum() - (newest == TOO_SPARSE).sum()),
        "short_series": int((newest == TOO_SHORT).sum()),
        "sparse_series": int((newest == TOO_SPARSE).sum()),
        "points": int((points["status"] == SCORED).sum()),
        "anomalies": int(points["is_anomaly"].sum()),
        "events": len(events),
        "alerts": sum(event.is_alert for event in events),
        "false_positives": sum(event.is_false_positive for event in events),
    }


def _data_hash(scored: Scored) -> str:
    """Of the prepared series: what lies on the day of the run and later does not change it."""
    panel, digest = scored.panel, hashlib.sha256()
    digest.update(json.dumps([panel.tenant_id, *(list(asdict(key).values()) for key in panel.keys)]).encode())
    digest.update(str(panel.days[-1].date()).encode())
    for table in (panel.values, panel.denominators):
        digest.update(np.ascontiguousarray(table).tobytes())
    return digest.hexdigest()
