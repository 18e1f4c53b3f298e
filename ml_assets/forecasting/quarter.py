"""The current quarter from its open deals: what is booked, what open deals will bring, what will still be created.

Chances are learnt from landmarks: past days on which deals were open in some stage, with as many days to go as the
quarter has now. A landmark whose days had not passed on the day of the forecast is not used, so nothing leaks, and the
same code run for an earlier day gives what it would have said then: that is how the blend with the monthly series is
weighted. Times are the tenant's own, without a zone: shifting them belongs to whoever reads the marts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from statistics import NormalDist

import numpy as np
import pandas as pd

from ml_assets.forecasting.candidates import Values
from ml_assets.forecasting.config import ForecastConfig
from ml_assets.forecasting.forecast import forecast_series
from ml_assets.forecasting.preparation import NONE_MEMBER, build_series

QUARTER_COLUMNS = (
    "tenant_id", "as_of", "quarter_start", "quarter_end", "method", "confidence", "point", "lower", "upper", "booked",
    "open_deals", "expected_open", "expected_new", "weight", "backtest_error", "backtest_quarters", "is_published",
    "reason",
)  # fmt: skip
QUARTER_BACKTEST_COLUMNS = (
    "tenant_id", "as_of", "origin", "quarter_start", "method", "point", "sd", "actual", "absolute_error",
)  # fmt: skip
DEAL_COLUMNS = (
    "tenant_id", "as_of", "deal_id", "pipeline_id", "stage_id", "owner_id", "days_in_stage", "amount",
    "win_probability", "expected_amount", "landmarks",
)  # fmt: skip

PIPELINE, LEARNT, SERIES, BLEND = "pipeline", "pipeline_learnt", "series", "blend"
# Chances by deal, of deals open at the first moment, to be won before the second; with what was known at the first.
WinChances = Callable[[pd.Timestamp, pd.Timestamp], pd.Series]
_DEAL_INPUT = {"tenant_id", "deal_id", "pipeline_id", "owner_id", "created_at", "closed_at", "outcome", "amount"}
_ENTRY_INPUT = {"deal_id", "stage_id", "entered_at"}

_LANDMARK_DAYS = 14
_MOST_LANDMARKS = 40
_LEAST_LANDMARKS = 4
_AGE_BOUNDS = (7.0, 30.0, 90.0)
# A rate counts for itself only against this many deals of what is known more generally.
_PRIOR_DEALS = 15.0
_OWNER_PRIOR_WINS = 8.0
_BACKTEST_QUARTERS = 6
_PRIOR_QUARTERS = 4.0
_WEIGHT_FLOOR = 0.05


@dataclass(frozen=True)
class QuarterResult:
    """Frames of one run; columns as in `QUARTER_COLUMNS`, `QUARTER_BACKTEST_COLUMNS`, `DEAL_COLUMNS`.

    Attributes:
        forecasts: the quarter by method (`pipeline`, `series`, `blend`, with learnt chances also `pipeline_learnt`)
            and confidence; one method is published.
        backtest: what each method said on the same day of earlier quarters, and what came.
        deals: every open deal with its chance to be won before the quarter ends.
    """

    forecasts: pd.DataFrame
    backtest: pd.DataFrame
    deals: pd.DataFrame


@dataclass(frozen=True)
class _Estimate:
    point: float
    sd: float
    booked: float = 0.0
    expected_open: float = 0.0
    expected_new: float = 0.0


def forecast_quarter(
    deals: pd.DataFrame,
    stage_entries: pd.DataFrame,
    as_of: date,
    config: ForecastConfig | None = None,
    win_chances: WinChances | None = None,
) -> QuarterResult:
    """Forecast the sum of deals won in the quarter of `as_of`, in money of the column `amount`.

    Args:
        deals: one row per deal of one tenant: `tenant_id`, `deal_id`, `pipeline_id`, `owner_id`, `created_at`,
            `closed_at` (empty while open), `outcome` (`won`, `lost` or `open`), `amount` in the tenant's currency.
        stage_entries: `deal_id`, `stage_id`, `entered_at`; a deal without any is in stage `(none)` since its creation.
        as_of: the day of the forecast; it counts as not yet begun, and whatever is dated later is not looked at.
        config: confidences, and the settings of the series forecast.
        win_chances: chances from elsewhere, such as `ml_assets.scoring.win_chances`; asked for each day of the
            backtest too. They take the place of the tables only where their backtest is better.

    Raises:
        ValueError: a column is missing or there is more than one tenant.
    """
    settings = config or ForecastConfig()
    known, entries = _checked(deals, stage_entries)
    tenant = str(known["tenant_id"].iloc[0]) if len(known) else ""
    now = pd.Timestamp(as_of)
    known = known[known["created_at"] < now]
    found = _pipelines(known, entries, now, win_chances)
    estimates = {method: estimate for method, (estimate, _) in found.items()}
    estimates[SERIES] = _from_series(known, now, settings)
    backtest = _backtest(known, entries, now, settings, win_chances)
    pipeline = _better_pipeline(backtest)
    open_deals = found[pipeline][1]
    weights = _weights(backtest, pipeline)
    forecasts = _rows(estimates, weights, backtest, now, settings, len(_open_at(known, entries, now)))
    identity = {"tenant_id": tenant, "as_of": as_of}
    return QuarterResult(
        forecasts=_frame(forecasts, identity, QUARTER_COLUMNS),
        backtest=_frame(backtest.to_dict("records"), identity, QUARTER_BACKTEST_COLUMNS),
        deals=_frame(open_deals.to_dict("records"), identity, DEAL_COLUMNS),
    )


def _checked(deals: pd.DataFrame, stage_entries: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    for name, frame, needed in (("deals", deals, _DEAL_INPUT), ("stage_entries", stage_entries, _ENTRY_INPUT)):
        missing = needed - set(frame.columns)
        if missing:
            raise ValueError(f"{name} lack the columns {', '.join(sorted(missing))}")
    if deals["tenant_id"].nunique() > 1:
        raise ValueError(f"deals hold {deals['tenant_id'].nunique()} tenants: give the rows of one")
    known = deals.assign(
        created_at=pd.to_datetime(deals["created_at"]),
        closed_at=pd.to_datetime(deals["closed_at"]),
        amount=pd.to_numeric(deals["amount"]).astype(float),
    )
    for column in ("pipeline_id", "owner_id"):
        known[column] = known[column].astype(object).where(known[column].notna(), NONE_MEMBER).astype(str)
    entries = stage_entries.assign(entered_at=pd.to_datetime(stage_entries["entered_at"]))
    return known, entries.sort_values("entered_at", kind="stable")


def _quarter(now: pd.Timestamp) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Its first moment and the first moment after it."""
    period = pd.Period(now, freq="Q")
    return period.start_time, (period + 1).start_time


def _won(known: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    won: pd.DataFrame = known[(known["outcome"] == "won") & (known["closed_at"] >= start) & (known["closed_at"] < end)]
    return won


def _open_at(known: pd.DataFrame, entries: pd.DataFrame, moment: pd.Timestamp) -> pd.DataFrame:
    """Deals open at a moment with the stage, and the days in it, that they had then."""
    closed = known["closed_at"].where(known["outcome"] != "open")
    # A closed deal without a date was open at no moment that can be told.
    undated = (known["outcome"] != "open") & known["closed_at"].isna()
    found: pd.DataFrame = known[(known["created_at"] < moment) & ~undated & ~(closed < moment)]
    latest = entries[entries["entered_at"] < moment].drop_duplicates("deal_id", keep="last")
    found = found.merge(latest[["deal_id", "stage_id", "entered_at"]], on="deal_id", how="left")
    found["stage_id"] = found["stage_id"].astype(object).where(found["stage_id"].notna(), NONE_MEMBER).astype(str)
    since = found["entered_at"].fillna(found["created_at"])
    found["days_in_stage"] = (moment - since).dt.total_seconds() / 86400
    found["age"] = np.searchsorted(_AGE_BOUNDS, found["days_in_stage"].to_numpy(), side="right")
    return found


def _pipelines(
    known: pd.DataFrame, entries: pd.DataFrame, now: pd.Timestamp, win_chances: WinChances | None
) -> dict[str, tuple[_Estimate | None, pd.DataFrame]]:
    """The quarter and its deals by the tables and, where they are given, by learnt chances."""
    open_deals = _open_at(known, entries, now)
    landmarks = _landmarks(known, entries, now, _quarter(now)[1] - now)
    found = {PIPELINE: _from_pipeline(known, now, open_deals, landmarks, None)}
    if win_chances is not None:
        found[LEARNT] = _from_pipeline(known, now, open_deals, landmarks, win_chances(now, _quarter(now)[1]))
    return found


def _better_pipeline(backtest: pd.DataFrame) -> str:
    """The tables unless learnt chances were better over the quarters that both could forecast."""
    wide = backtest.pivot(index="origin", columns="method", values="absolute_error")
    if LEARNT not in wide or PIPELINE not in wide:
        return PIPELINE
    both = wide[[PIPELINE, LEARNT]].dropna()
    return LEARNT if len(both) and both[LEARNT].mean() < both[PIPELINE].mean() else PIPELINE


def _from_pipeline(
    known: pd.DataFrame,
    now: pd.Timestamp,
    open_deals: pd.DataFrame,
    landmarks: list[tuple[pd.DataFrame, float]],
    learnt: pd.Series | None,
) -> tuple[_Estimate | None, pd.DataFrame]:
    start, _ = _quarter(now)
    if len(landmarks) < _LEAST_LANDMARKS:
        return None, open_deals.iloc[:0]
    open_deals = _with_chances(open_deals, pd.concat([seen for seen, _ in landmarks]))
    if learnt is not None:
        own = open_deals["deal_id"].astype(str).map(learnt)
        open_deals["win_probability"] = own.fillna(open_deals["win_probability"]).clip(0.0, 1.0)
    open_deals["amount"] = open_deals["amount"].fillna(_usual_amount(known, now))
    open_deals["expected_amount"] = open_deals["win_probability"] * open_deals["amount"]
    chance, amount = open_deals["win_probability"].to_numpy(), open_deals["amount"].to_numpy()
    new = np.array([created for _, created in landmarks])
    booked = float(_won(known, start, now)["amount"].sum())
    expected_open, expected_new = float(np.sum(chance * amount)), float(new.mean())
    variance = float(np.sum(chance * (1 - chance) * amount**2)) + float(new.var())
    return (
        _Estimate(booked + expected_open + expected_new, variance**0.5, booked, expected_open, expected_new),
        open_deals,
    )


def _landmarks(
    known: pd.DataFrame, entries: pd.DataFrame, now: pd.Timestamp, ahead: pd.Timedelta
) -> list[tuple[pd.DataFrame, float]]:
    """Deals open on past days, each with `won` within `ahead`; beside them the amount won of deals created later."""
    found: list[tuple[pd.DataFrame, float]] = []
    first = known["created_at"].min()
    for back in range(_MOST_LANDMARKS):
        moment = now - ahead - pd.Timedelta(days=_LANDMARK_DAYS * back)
        if pd.isna(first) or moment <= first + pd.Timedelta(days=_LANDMARK_DAYS):
            break
        seen = _open_at(known, entries, moment)
        won = _won(known, moment, moment + ahead)
        seen["won"] = seen["deal_id"].isin(won["deal_id"]).astype(float)
        found.append((seen, float(won.loc[won["created_at"] >= moment, "amount"].sum())))
    return found


def _with_chances(open_deals: pd.DataFrame, seen: pd.DataFrame) -> pd.DataFrame:
    """Chances by pipeline and stage, then by age within it, each drawn to what is more general, then by owner."""
    general = float(seen["won"].mean()) if len(seen) else 0.0
    by_stage = _rates(seen, ["pipeline_id", "stage_id"], pd.Series(general, index=seen.index))
    seen = seen.reset_index(drop=True)
    seen["expected"] = _looked_up(seen, by_stage, general)
    by_age = _rates(seen, ["pipeline_id", "stage_id", "age"], seen["expected"])
    seen["expected"] = _looked_up(seen, by_age, seen["expected"])
    owners = seen.groupby("owner_id")[["won", "expected"]].sum()
    lift = (owners["won"] + _OWNER_PRIOR_WINS) / (owners["expected"] + _OWNER_PRIOR_WINS)
    chances = _looked_up(open_deals, by_age, _looked_up(open_deals, by_stage, general))
    chances = np.clip(chances * open_deals["owner_id"].map(lift).fillna(1.0).to_numpy(dtype=float), 0.0, 1.0)
    counted = seen.groupby(["pipeline_id", "stage_id"])[["won"]].count().set_axis(["landmarks"], axis=1)
    found = open_deals.assign(win_probability=chances).join(counted, on=["pipeline_id", "stage_id"])
    return found.assign(landmarks=found["landmarks"].fillna(0).astype(int))


def _rates(seen: pd.DataFrame, keys: list[str], prior: pd.Series) -> pd.Series:
    grouped = seen.assign(prior=prior.to_numpy()).groupby(keys)
    rate: pd.Series = (grouped["won"].sum() + _PRIOR_DEALS * grouped["prior"].mean()) / (grouped.size() + _PRIOR_DEALS)
    rate.name = "rate"
    return rate


def _looked_up(frame: pd.DataFrame, rates: pd.Series, otherwise: float | Values | pd.Series) -> Values:
    found = frame[list(rates.index.names)].join(rates, on=list(rates.index.names))["rate"].to_numpy(dtype=float)
    return np.where(np.isnan(found), np.asarray(otherwise, dtype=float), found)


def _usual_amount(known: pd.DataFrame, now: pd.Timestamp) -> float:
    amounts = known.loc[(known["outcome"] == "won") & (known["closed_at"] < now), "amount"].dropna()
    return float(amounts.median()) if len(amounts) else 0.0


def _from_series(known: pd.DataFrame, now: pd.Timestamp, config: ForecastConfig) -> _Estimate | None:
    """Whole months of the quarter as they were, the others from the monthly forecast."""
    start, _ = _quarter(now)
    won = _won(known, known["created_at"].min(), now)
    sales = pd.DataFrame({"tenant_id": won["tenant_id"], "month": won["closed_at"], "value": won["amount"]})
    series = next(build_series(sales, now.date(), (), config), None)
    if series is None or len(series.values) < 2:
        return None
    current = pd.Period(now, freq="M")
    months = 3 - (current.month - 1) % 3
    # As far as its cut-offs are judged, and no further: the same histories are asked for on the earlier days, too.
    found = forecast_series(series, replace(config, horizon=max(3, config.backtest_months))).published
    mean, sd = np.maximum(found.mean[:months], 0.0), found.sd[:months]
    booked = float(_won(known, start, now)["amount"].sum())
    whole = float(_won(known, start, current.start_time)["amount"].sum())
    # Errors of neighbouring months go together: half way between independent and identical.
    spread = float((np.sqrt(np.sum(sd**2)) + np.sum(sd)) / 2)
    return _Estimate(max(whole + float(mean.sum()), booked), spread, booked)


def _backtest(
    known: pd.DataFrame,
    entries: pd.DataFrame,
    now: pd.Timestamp,
    config: ForecastConfig,
    win_chances: WinChances | None,
) -> pd.DataFrame:
    rows = []
    for back in range(1, _BACKTEST_QUARTERS + 1):
        origin = now - pd.DateOffset(months=3 * back)
        start, end = _quarter(origin)
        before = known[known["created_at"] < origin]
        estimates = {name: each for name, (each, _) in _pipelines(before, entries, origin, win_chances).items()}
        estimates[SERIES] = _from_series(before, origin, config)
        actual = float(_won(known, start, end)["amount"].sum())
        rows += [
            {
                "origin": origin.date(), "quarter_start": start.date(), "method": method, "point": found.point,
                "sd": found.sd, "actual": actual, "absolute_error": abs(found.point - actual),
            }
            for method, found in estimates.items()
            if found is not None
        ]  # fmt: skip
    columns = [name for name in QUARTER_BACKTEST_COLUMNS if name not in ("tenant_id", "as_of")]
    return pd.DataFrame(rows, columns=columns)


def _weights(backtest: pd.DataFrame, pipeline: str) -> dict[str, float]:
    """Of one pipeline method and the series, by squared inverse error over quarters that both could forecast."""
    rows = backtest[backtest["method"].isin([pipeline, SERIES])]
    both = rows.groupby("origin").filter(lambda each: len(each) == 2) if len(rows) else rows
    if both.empty:
        return {pipeline: 0.5, SERIES: 0.5}
    scale = float(both["actual"].abs().mean()) or 1.0
    errors = both.groupby("method")["absolute_error"].mean() / scale
    raw = {str(method): 1 / (float(error) + _WEIGHT_FLOOR) ** 2 for method, error in errors.items()}
    return {method: weight / sum(raw.values()) for method, weight in raw.items()}


def _rows(
    estimates: dict[str, _Estimate | None],
    weights: dict[str, float],
    backtest: pd.DataFrame,
    now: pd.Timestamp,
    config: ForecastConfig,
    open_deals: int,
) -> list[dict[str, object]]:
    present = {method: found for method, found in estimates.items() if found is not None}
    shares = {method: weight for method, weight in weights.items() if method in present}
    whole = sum(shares.values()) or 1.0
    shares = {method: share / whole for method, share in shares.items()}
    if len(shares) == 2:
        present[BLEND] = _blended(present, shares)
    published = BLEND if BLEND in present else next(iter(shares), "")
    reason = dict.fromkeys((PIPELINE, LEARNT), "no_monthly_history")
    reason |= {BLEND: "weighted_by_backtest", SERIES: "no_deal_history"}
    start, end = _quarter(now)
    rows: list[dict[str, object]] = []
    for method, found in present.items():
        errors = _signed_errors(backtest, method, shares)
        sd = _experienced(found.sd, errors)
        for confidence in config.confidences:
            half = sd * NormalDist().inv_cdf(0.5 + confidence / 2)
            rows.append(
                {
                    "quarter_start": start.date(), "quarter_end": (end - pd.Timedelta(days=1)).date(),
                    "method": method, "confidence": confidence, "point": found.point,
                    "lower": min(max(found.point - half, found.booked), found.point), "upper": found.point + half,
                    "booked": found.booked, "open_deals": open_deals,
                    "expected_open": found.expected_open, "expected_new": found.expected_new,
                    "weight": 1.0 if method == BLEND else shares.get(method, 0.0), "backtest_quarters": len(errors),
                    "backtest_error": float(np.mean(np.abs(errors))) if len(errors) else None,
                    "is_published": method == published,
                    "reason": reason[method] if method == published else "candidate",
                }
            )  # fmt: skip
    return rows


def _blended(present: dict[str, _Estimate], shares: dict[str, float]) -> _Estimate:
    pipeline = next(present[method] for method in shares if method != SERIES)
    point = sum(shares[method] * present[method].point for method in shares)
    sd = sum(shares[method] * present[method].sd for method in shares)
    return _Estimate(point, sd, pipeline.booked, pipeline.expected_open, pipeline.expected_new)


def _signed_errors(backtest: pd.DataFrame, method: str, shares: dict[str, float]) -> Values:
    if backtest.empty:
        return np.zeros(0)
    wide = backtest.pivot(index="origin", columns="method", values="point")
    actual = backtest.groupby("origin")["actual"].first()
    if method != BLEND:
        points = wide[method] if method in wide else pd.Series(dtype=float)
    elif set(shares) <= set(wide.columns):
        points = sum(share * wide[name] for name, share in shares.items())
    else:
        points = pd.Series(dtype=float)
    errors: Values = (points - actual.reindex(points.index)).dropna().to_numpy(dtype=float)
    return errors


def _experienced(sd: float, errors: Values) -> float:
    """The model's own spread beside that of its errors in earlier quarters."""
    count = len(errors)
    own = float(np.mean(errors**2)) if count else 0.0
    return float(np.sqrt((count * own + _PRIOR_QUARTERS * sd**2) / (count + _PRIOR_QUARTERS)))


def _frame(rows: list[dict[str, object]], identity: dict[str, object], columns: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame([row | identity for row in rows], columns=list(columns))
