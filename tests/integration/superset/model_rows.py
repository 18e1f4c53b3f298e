"""Rows of database `ml` that follow from the warehouse's own records, as nights of the models would have left them.

Computing the models takes minutes; whether they are right is tested elsewhere. Here every table is filled through the
models' own store: two nights for one tenant, a gate that refused and failed runs for another, nothing for the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd

from orchestration.extraction.replica import Warehouse
from orchestration.ml.model_run import Computed, ModelRun
from orchestration.ml.store import write_run
from orchestration.ml.tables import create_ml_tables

TOLD, REFUSED = "volga", "alatau"
_MODELS = {"combination": 0.8, "ets": 0.9, "seasonal_naive": 1.0}


def fill_model_rows(warehouse: Warehouse, today: date) -> None:
    """Write two nights of every task for one tenant; for another a refused forecast and a failed run of each score."""
    create_ml_tables(warehouse)
    for night, day in enumerate((today - timedelta(days=1), today)):
        for task, frames in _frames(warehouse, TOLD, day, night).items():
            metrics = {"series": 9.0, "scored_series": 7.0} if task == "anomalies" else {}
            _write(warehouse, task, TOLD, day, Computed(frames, metrics=metrics))
    refused = _sales(REFUSED, today, published="seasonal_naive", reason="too_short_to_backtest", months=7)
    _write(warehouse, "sales_forecast", REFUSED, today, Computed(refused))
    _write(warehouse, "churn_scores", REFUSED, today, None)


def _write(warehouse: Warehouse, task: str, tenant: str, day: date, computed: Computed | None) -> None:
    error = "" if computed else "ValueError: a customer without a day"
    write_run(warehouse, ModelRun(task, tenant, day, datetime.now(UTC), "night", computed, error))


def _frames(warehouse: Warehouse, tenant: str, day: date, night: int) -> dict[str, Mapping[str, pd.DataFrame]]:
    ids = {
        table: [row[0] for row in warehouse.rows(query, tenant=tenant)]
        for table, query in {
            "companies": "select customer_id from analytics.dim_customers "
            "where tenant_id = {tenant:String} and customer_kind = 'company' order by 1",
            "leads": "select lead_id from analytics.fct_leads where tenant_id = {tenant:String} order by 1 limit 40",
            "deals": "select deal_id from analytics.fct_deals where tenant_id = {tenant:String} order by 1 limit 40",
        }.items()
    }
    reports = {subject: _reports(tenant, day, subject) for subject in ("churn", "lead", "deal")}
    return {
        "sales_forecast": _sales(tenant, day, published="combination", reason="beats_seasonal_naive", months=36),
        "quarter_forecast": {"quarter_forecast": _quarter(tenant, day)},
        "anomalies": _anomalies(tenant, day, night),
        "churn_scores": {"churn_scores": _churn(tenant, day, ids["companies"], night), **reports["churn"]},
        "lead_scores": {"lead_scores": _scores(tenant, day, "lead", ids["leads"], night), **reports["lead"]},
        "deal_scores": {"deal_scores": _scores(tenant, day, "deal", ids["deals"], night), **reports["deal"]},
    }


def _sales(tenant: str, day: date, *, published: str, reason: str, months: int) -> dict[str, pd.DataFrame]:
    first = pd.Timestamp(day).replace(day=1)
    series = {"tenant_id": tenant, "as_of": day, "dimension": "tenant", "member": ""}
    forecast, backtest, models = [], [], []
    for number, (model, mase) in enumerate(_MODELS.items()):
        for horizon in range(1, 7):
            point = 1_000_000.0 + 10_000 * horizon + 1_000 * number + day.day
            forecast += [
                series | {
                    "month": first + pd.DateOffset(months=horizon - 1), "horizon": horizon, "model": model,
                    "confidence": confidence, "point": point, "lower": point - width, "upper": point + width,
                    "point_unreconciled": point, "is_published": model == published,
                    "reason": reason if model == published else "candidate", "low_history": months < 24,
                    "is_intermittent": False, "history_months": months,
                }
                for confidence, width in ((0.8, 100_000.0), (0.95, 200_000.0))
            ]  # fmt: skip
            backtest.append(
                series | {
                    "model": model, "origin": first - pd.DateOffset(months=7), "horizon": horizon,
                    "month": first - pd.DateOffset(months=7 - horizon), "actual": 900_000.0,
                    "point": 900_000.0 * (1 + mase / 10), "absolute_error": 90_000.0 * mase, "scaled_error": mase,
                }
            )  # fmt: skip
        models.append(
            series | {
                "model": model, "weight": None if model == "combination" else 0.5, "mase": mase, "naive_mase": 1.0,
                "is_published": model == published, "reason": reason if model == published else "candidate",
                "cpu_seconds": 0.1, "failure": "", "working_days_used": False, "naive_share": 0.0, "widening": 1.25,
            }
        )  # fmt: skip
    return {
        "sales_forecast": pd.DataFrame(forecast),
        "forecast_backtest": pd.DataFrame(backtest),
        "forecast_models": pd.DataFrame(models),
    }


def _quarter(tenant: str, day: date) -> pd.DataFrame:
    quarter = pd.Period(day, freq="Q")
    return pd.DataFrame(
        {
            "tenant_id": tenant, "as_of": day, "quarter_start": quarter.start_time, "quarter_end": quarter.end_time,
            "method": method, "confidence": confidence, "point": point, "lower": point - 400_000 * confidence,
            "upper": point + 400_000 * confidence, "booked": 1_200_000.0, "open_deals": 30, "expected_open": 800_000.0,
            "expected_new": 100_000.0, "weight": 1.0 if method == "blend" else 0.5, "backtest_error": 150_000.0,
            "backtest_quarters": 6, "is_published": method == "blend",
            "reason": "weighted_by_backtest" if method == "blend" else "candidate",
        }
        for method, point in {"pipeline": 2_100_000.0, "series": 2_300_000.0, "blend": 2_200_000.0}.items()
        for confidence in (0.8, 0.95)
    )  # fmt: skip


def _anomalies(tenant: str, day: date, night: int) -> dict[str, pd.DataFrame]:
    key = {"tenant_id": tenant, "as_of": day, "metric": "sales", "dimension": "total", "member": "", "name": ""}
    points, events = [], []
    for number in range(3):
        at = day - timedelta(days=2 + 3 * number)
        value, expected = 40_000.0 + number, 90_000.0
        shared = {
            "grain": "day", "event_id": f"event-{number}", "direction": "down", "value": value, "expected": expected,
            "effect": value - expected, "effect_money": value - expected, "score": 4.0,
        }  # fmt: skip
        points.append(
            key | shared | {
                "period_start": at, "denominator": None, "lower": 60_000.0, "upper": 120_000.0, "threshold": 2.0,
                "is_anomaly": True, "severity": "high", "day_kind": "working", "status": "scored",
            }
        )  # fmt: skip
        events.append(
            key | shared | {
                "first_day": at, "last_day": at, "peak_day": at, "periods": 1, "deviation": value / expected - 1,
                "effect_share": 0.2, "severity": ("high", "medium", "low")[number], "is_false_positive": False,
                "status": "ongoing" if night else "new", "is_alert": number == 0,
                "told_by": "event-0" if number == 2 else "", "explanation": "{}",
                "explanation_en": f"Sales of {at} were less than usual",
                "explanation_ru": f"Продажи {at} ниже обычного",
            }
        )  # fmt: skip
    return {"anomaly_points": pd.DataFrame(points), "anomaly_events": pd.DataFrame(events)}


def _said(probability: float) -> dict[str, Any]:
    return {
        "probability": probability, "baseline_probability": 0.5, "method": "model", "reasons": "[]", "action": "call",
        "reasons_en": f"Chance {probability:.2f}", "reasons_ru": f"Вероятность {probability:.2f}",
        "action_en": "Call", "action_ru": "Позвонить", "is_cold_start": False, "low_history": False, "model_id": "hash",
        "horizon_days": 60,
    }  # fmt: skip


def _churn(tenant: str, day: date, customers: list[str], night: int) -> pd.DataFrame:
    rows = []
    for number, customer in enumerate(customers):
        probability, value = (number % 10) / 10 + 0.01 * night, 10_000.0 * (1 + number % 7)
        rows.append(
            {
                "tenant_id": tenant, "as_of": day, "customer_kind": "company", "customer_id": customer,
                "silent_until": day + timedelta(days=30), "silence_days": 20 + number, "usual_pause_days": 30.0,
                "risk_level": "high" if probability > 0.5 else "low", "is_lapsed": number % 11 == 10,
                "allowed_silence_days": 60, "last_purchase_on": day - timedelta(days=20 + number), "purchases": 3,
                "value_per_year": value, "expected_value_at_risk": round(probability * value, 2), **_said(probability),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def _scores(tenant: str, day: date, subject: str, ids: list[str], night: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "tenant_id": tenant, "as_of": day, f"{subject}_id": identifier, "age_days": 10.0 + number,
            "priority": ("high", "medium", "low")[number % 3], "expected_value": 5_000.0 * (1 + number % 9),
            **_said((number % 10) / 10 + 0.01 * night),
        }
        for number, identifier in enumerate(ids)
    )  # fmt: skip


def _reports(tenant: str, day: date, subject: str) -> dict[str, pd.DataFrame]:
    model = {"tenant_id": tenant, "as_of": day, "subject": subject, "model_id": "hash"}
    return {
        "model_quality": pd.DataFrame(
            model | {
                "method": method, "is_published": method == "model", "judged_by": "rehearsal",
                "reason": "better_than_baseline" if method == "model" else "candidate", "judged_on": "2026-01-01",
                "n": 200, "base_rate": 0.3, "mean_probability": 0.31, "auc": 0.8, "brier": 0.15, "ece": 0.02,
                "lift": 2.5,
            }
            for method in ("model", "baseline")
        ),
        "model_reliability": pd.DataFrame(
            model | {
                "method": method, "bin": number, "lower": number / 5, "upper": (number + 1) / 5, "n": 40,
                "mean_probability": number / 5 + 0.1, "observed_rate": number / 5 + 0.08,
            }
            for method in ("model", "baseline")
            for number in range(5)
        ),
        "model_drift": pd.DataFrame(
            model | {"feature": name, "psi": psi, "drift": drift, "is_used": True, "reason": "feature"}
            for name, psi, drift in (("age", 0.3, "strong"), ("source", 0.15, "moderate"), ("amount", 0.01, "none"))
        ),
        "model_importance": pd.DataFrame(
            model | {"feature": name, "importance": share, "share": share}
            for name, share in (("age", 0.6), ("source", 0.4))
        ),
        "model_checks": pd.DataFrame(
            [
                model | {
                    "cutoff": "2026-01-01", "is_out_of_sample": True, "passed": True, "n": 200, "expected": 0.31,
                    "observed": 0.3, "ece": 0.02, "ece_by_chance": 0.03, "tolerated": 0.05,
                }
            ]
        ),
    }  # fmt: skip
