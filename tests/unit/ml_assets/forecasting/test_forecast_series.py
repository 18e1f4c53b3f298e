"""One series: edges that must not crash, the gate, bands, determinism. Totals and parts are in test_forecast_tenant."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ml_assets.forecasting import structural
from ml_assets.forecasting.backtest import NAIVE, Trials, run_trials
from ml_assets.forecasting.candidates import CANDIDATES, History, Prediction, Values, predict
from ml_assets.forecasting.combination import (
    COMBINATION,
    between_short_and_long,
    combine,
    half_width,
    judge,
    weights_at,
)
from ml_assets.forecasting.config import ForecastConfig
from ml_assets.forecasting.forecast import SeriesForecast, forecast_series
from ml_assets.forecasting.preparation import MonthlySeries, SeriesKey

QUICK = ForecastConfig(candidates=("seasonal_naive", "drift", "ets", "mstl", "structural"), origins=(3, 6, 12))
JUNE = pd.Period("2026-06", freq="M")


def series_of(values: list[float] | Values, *, intermittent: bool = False) -> MonthlySeries:
    return MonthlySeries(SeriesKey("t", "tenant", ""), np.asarray(values, dtype=float), JUNE, False, intermittent)


def seasonal(months: int, seed: int, noise: float = 8.0) -> Values:
    time = np.arange(months)
    values: Values = 100 + 30 * np.sin(2 * np.pi * time / 12) + 0.5 * time
    return values + np.random.default_rng(seed).normal(0, noise, months)


@settings(phases=[Phase.generate], derandomize=True, max_examples=25, deadline=None)
@given(
    values=st.lists(
        st.one_of(st.just(0.0), st.floats(-1e6, 1e6, allow_nan=False), st.just(1e12)), min_size=0, max_size=16
    ),
    intermittent=st.booleans(),
)
def test_no_series_however_odd_stops_the_forecast(values: list[float], intermittent: bool) -> None:
    found = forecast_series(series_of(values, intermittent=intermittent), QUICK)

    assert found.published.mean.shape == (QUICK.horizon,)
    assert np.isfinite(found.published.mean).all()
    assert np.isfinite(found.published.sd).all()
    assert (found.published.sd >= 0).all()


@pytest.mark.parametrize("length", [1, 2, 5, 11, 12, 13, 24, 25, 40])
@pytest.mark.parametrize("value", [0.0, 7.0, -3.0])
def test_a_constant_series_goes_on_as_it_was(length: int, value: float) -> None:
    found = forecast_series(series_of([value] * length), QUICK)

    assert found.published.mean == pytest.approx([value] * QUICK.horizon, abs=1e-6)


@pytest.mark.parametrize("length", range(1, 12))
def test_all_candidates_survive_less_than_a_year(length: int) -> None:
    found = forecast_series(series_of(seasonal(length, 1)), ForecastConfig())

    assert np.isfinite(found.published.mean).all()
    assert set(found.trials.failures) | set(found.trials.names) == set(ForecastConfig().candidates)
    if length < 9:
        assert (found.verdict.model, found.verdict.reason) == (NAIVE, "too_short_to_backtest")


def test_a_failing_candidate_is_noted_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(history: History, horizon: int) -> None:
        raise RuntimeError("no such luck")

    monkeypatch.setitem(CANDIDATES, "ets", broken)
    found = forecast_series(series_of(seasonal(48, 2)), QUICK)

    assert found.trials.failures == {"ets": "RuntimeError: no such luck"}
    assert "ets" not in found.verdict.weights
    assert sum(found.verdict.weights.values()) == pytest.approx(1)


def test_a_forecast_that_is_not_finite_counts_as_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    wild = replace(predict("drift", History(seasonal(30, 1)), 6), mean=np.full(6, np.nan))
    monkeypatch.setitem(CANDIDATES, "drift", lambda history, horizon: wild)

    assert "drift" in forecast_series(series_of(seasonal(30, 1)), QUICK).trials.failures


def test_what_beats_the_naive_forecast_is_published() -> None:
    found = forecast_series(series_of(seasonal(60, 3)), QUICK)

    assert (found.verdict.model, found.verdict.reason) == (COMBINATION, "beats_seasonal_naive")
    assert found.verdict.error is not None and found.verdict.naive_error is not None
    assert found.verdict.error < found.verdict.naive_error


def test_what_does_not_beat_the_naive_forecast_is_not_published() -> None:
    # The same year over and over: the naive forecast is exact, and nothing can beat it.
    year = np.random.default_rng(5).uniform(50, 150, 12)
    found = forecast_series(series_of(np.tile(year, 4)), QUICK)

    assert (found.verdict.model, found.verdict.reason) == (NAIVE, "not_better_than_seasonal_naive")
    assert found.published.mean == pytest.approx(year[:6])


def test_whatever_is_published_beat_the_naive_forecast_or_is_it() -> None:
    for seed in range(12):
        values = np.random.default_rng(seed).lognormal(4, 0.4, 36)
        trials = run_trials(values, QUICK.candidates, QUICK)
        verdict = judge(trials, QUICK)
        says = np.array([min(c, 6) * ((36 - c) / 36) ** QUICK.verdict_power for c in trials.cuts])

        def error(share: float, trials: Trials = trials, says: Values = says) -> float:
            past = [trials.error(combine(trials, c, QUICK, share).mean, c, min(c, 6)) for c in trials.cuts]
            return float(np.sum(says * past) / says.sum())

        assert verdict.model == NAIVE or error(verdict.naive_share) < error(1.0)
        # No smaller share of the naive forecast would have done.
        smaller = [share for share in QUICK.naive_shares if share < verdict.naive_share]
        assert all(error(share) >= error(1.0) - 1e-9 for share in smaller)


def test_a_cut_off_with_more_history_says_more() -> None:
    def error(months: int, cuts: dict[int, float], **settings: float) -> float:
        trials = Trials(np.zeros(months), tuple(cuts), False)
        wrong_by = {cut: Prediction(np.full(min(cut, 6), off), np.ones(min(cut, 6))) for cut, off in cuts.items()}
        return trials.mean_error(wrong_by, replace(QUICK, **settings))  # type: ignore[arg-type]

    # Of 36 months, five sixths were known at one cut-off and a half at the other: to the power of one that is 5 to 3.
    assert error(36, {6: 0.0, 18: 8.0}, verdict_power=1) == pytest.approx(3)
    assert error(36, {6: 0.0, 18: 8.0}, verdict_power=0) == pytest.approx(4)
    assert error(36, {6: 0.0, 18: 8.0}) < 1
    # More than enough was known at both; three months count half as much as six.
    assert error(120, {6: 0.0, 18: 8.0}) == pytest.approx(4)
    assert error(120, {3: 9.0, 6: 0.0}) == pytest.approx(3)


@pytest.mark.parametrize(("months", "young"), [(11, False), (12, True), (23, True), (24, False)])
def test_between_one_and_two_years_only_models_with_a_season_have_weight(months: int, young: bool) -> None:
    trials = run_trials(seasonal(months, 3), QUICK.candidates, QUICK)
    weights = weights_at(trials, 0, QUICK)

    assert {"drift", "ets"} <= set(trials.names)
    weighted = {name for name, weight in weights.items() if weight}
    assert weighted == ({NAIVE, "structural"} if young else set(trials.names))
    assert sum(weights.values()) == pytest.approx(1)


def test_a_young_season_is_not_flattened() -> None:
    off = {}
    for name in (COMBINATION, "ets"):
        errors = []
        for seed in range(10):
            values = seasonal(26, seed)
            trials = run_trials(values[:20], ForecastConfig().candidates, replace(QUICK, origins=(3, 6)))
            found = trials.predictions[name, 0] if name == "ets" else combine(trials, 0, QUICK)
            errors.append(np.mean(np.abs(found.mean - values[20:])))
        off[name] = np.mean(errors)

    assert off[COMBINATION] < 0.75 * off["ets"]


def test_without_a_structural_model_all_young_candidates_have_weight() -> None:
    trials = run_trials(seasonal(18, 3), ("drift", "ets"), QUICK)

    assert all(weight > 0 for weight in weights_at(trials, 0, QUICK).values())


def test_weights_are_sharper_where_more_is_known() -> None:
    def ratio(months: int) -> float:
        values = seasonal(months, 4)
        trials = Trials(values, (), False, {(name, 0): predict(name, History(values), 6) for name in (NAIVE, "drift")})
        weights = weights_at(trials, 0, QUICK)
        return weights[NAIVE] / weights["drift"]

    # Nothing has been tested, so the errors are the usual ones: 0.97 and 1.25 with a short history, 1.07 and 1.23.
    assert ratio(30) == pytest.approx((1.30 / 1.02) ** 3)
    assert ratio(90) == pytest.approx((1.28 / 1.12) ** 5)


def test_the_structural_model_has_more_voices_where_more_is_known() -> None:
    def ratio(months: int) -> float:
        known = Prediction(np.ones(6), np.ones(6))
        trials = Trials(np.arange(1.0, months + 1), (), False, dict.fromkeys((("structural", 0), ("ets", 0)), known))
        weights = weights_at(trials, 0, QUICK)
        return weights["structural"] / weights["ets"]

    # The usual errors are 0.77 and 0.99 with a short history, 0.70 and 0.74 with a long one.
    assert ratio(30) == pytest.approx((1.04 / 0.82) ** 3)
    assert ratio(90) == pytest.approx(6 * (0.79 / 0.75) ** 5)


def test_a_smooth_season_is_told_from_noise_by_its_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    def off() -> float:
        errors = []
        for seed in range(20):
            mean, _ = structural.structural_forecast(seasonal(24, seed, noise=15), 6)
            errors.append(np.mean(np.abs(mean - seasonal(30, seed, noise=0)[24:])))
        return float(np.mean(errors))

    smooth = off()
    monkeypatch.setattr(structural, "_SMOOTHNESS", 0.01)  # no month is like its neighbours
    assert smooth < 0.8 * off()


def test_empty_months_are_no_reason_to_forecast_less_than_nothing() -> None:
    values = np.maximum(seasonal(40, 5, noise=20) - 90, 0)
    found = predict("structural", History(values), 12)

    assert (values == 0).sum() > 10
    assert (found.mean >= 0).all()
    assert found.mean.max() > 20


def test_a_verdict_at_a_cut_off_does_not_see_what_came_after() -> None:
    values = seasonal(48, 7)
    changed = values.copy()
    changed[-6:] = changed[-6:] * 5 + 1000

    for cut in (6, 12):
        before, after = (run_trials(each, QUICK.candidates, QUICK) for each in (values, changed))
        assert weights_at(before, cut, QUICK) == weights_at(after, cut, QUICK)
        assert combine(before, cut, QUICK).mean == pytest.approx(combine(after, cut, QUICK).mean, rel=0, abs=0)
    assert weights_at(before, 3, QUICK) != weights_at(after, 3, QUICK)


def test_bands_cover_what_they_promise() -> None:
    covered: dict[float, list[float]] = {0.8: [], 0.95: []}
    for seed in range(60):
        values = seasonal(54, 100 + seed, noise=12.0)
        found = forecast_series(series_of(values[:48]), QUICK)
        off = np.abs(found.published.mean - values[48:])
        for level, kept in covered.items():
            kept.append(float(np.mean(off <= half_width(found.published.sd, found.verdict.widening, level))))

    assert 0.76 <= np.mean(covered[0.8]) <= 0.92
    assert 0.92 <= np.mean(covered[0.95]) <= 0.99


def test_bands_widen_with_confidence() -> None:
    widths = [half_width(np.ones(1), 1.4, level)[0] for level in (0.1, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999)]

    assert widths == sorted(widths)
    assert widths[4] == pytest.approx(1.4 * 1.959964, rel=1e-5)


def test_the_same_input_gives_the_same_answer() -> None:
    def once() -> SeriesForecast:
        return forecast_series(series_of(seasonal(40, 9)), ForecastConfig(origins=(6, 12)))

    first, second = once(), once()
    assert (first.published.mean == second.published.mean).all()
    assert (first.published.sd == second.published.sd).all()
    assert first.verdict.weights == second.verdict.weights


def test_an_intermittent_series_is_not_forecast_as_nothing() -> None:
    values = np.where(np.arange(48) % 3 == 0, 900.0, 0.0) + np.where(np.arange(48) % 7 == 0, 400.0, 0.0)
    found = forecast_series(series_of(values, intermittent=True), ForecastConfig())

    assert set(found.trials.names) == {"seasonal_naive", "croston_sba", "tsb", "zero"}
    assert found.published.mean.sum() > 0


def test_where_most_months_are_empty_the_mean_is_better_than_nothing() -> None:
    values = np.array([0.0] * 12 + [0, 0, 90, 0, 0, 0])
    mean, nothing = np.full(6, 15.0), np.zeros(6)
    intermittent, ordinary = (run_trials(values, (), QUICK, squared=squared) for squared in (True, False))

    assert intermittent.error(mean, 6, 6) < intermittent.error(nothing, 6, 6)
    assert ordinary.error(mean, 6, 6) > ordinary.error(nothing, 6, 6)


def test_pmdarima_can_be_chosen() -> None:
    history = History(seasonal(30, 4), arima_engine="pmdarima")

    assert np.abs(predict("arima", history, 3).mean - predict("arima", replace(history, seed=1), 3).mean).max() == 0
    assert (predict("arima", history, 3).mean != predict("arima", History(history.values), 3).mean).any()


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({"horizon": 13}, "horizon is 13"),
        ({"confidences": (95,)}, "between 0 and 1"),
        ({"arima_engine": "r"}, "arima_engine is 'r'"),
        ({"candidates": ("oracle",)}, "unknown candidates oracle"),
        ({"origins": ()}, "origins are"),
        ({"most_members": 0}, "most_members is 0"),
    ],
)
def test_a_setting_out_of_range_is_named(setting: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ForecastConfig(**setting)  # type: ignore[arg-type]


def test_a_short_history_is_tested_at_more_cut_offs() -> None:
    config = ForecastConfig()
    assert config.cut_offs(48) == (3, 6, 9, 12, 18)
    assert config.cut_offs(47) == (3, 6, 9, 12, 15, 18, 21)


@pytest.mark.parametrize(("months", "expected"), [(12, 1.25), (30, 1.25), (60, 1.15), (90, 1.05), (300, 1.05)])
def test_what_is_usual_changes_evenly_from_short_to_long_histories(months: int, expected: float) -> None:
    assert between_short_and_long(ForecastConfig().usual_widening, months) == pytest.approx(expected)
