"""One series as a picture: values, what is expected, the band, events; titles and numbers in the reader's language."""

from __future__ import annotations

import io
from collections.abc import Hashable
from typing import Any

import matplotlib.dates as mdates
import pandas as pd
from babel.numbers import format_compact_decimal
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ml_assets.anomalies.config import DAY, DOWN
from ml_assets.anomalies.wording import (
    LANGUAGES,
    SEVERITY_NAMES,
    days_text,
    member_text,
    metric_name,
    number,
    rate_text,
)

_COLORS = {"low": "#c9b458", "medium": "#e08e2b", "high": "#d1495b", "critical": "#8c1c2f"}
_LINE, _BAND, _MUTED = "#1f4e79", "#9ec1e0", "#777777"
_ALL_COMPACT_FROM = 10_000
_TEXTS = {
    "en": {
        "day": "by day", "week": "by week", "value": "value", "expected": "expected", "band": "usual range",
        "holiday": "holiday", "false": "marked as false", 
        "nothing": "No points to show: the series is too short or empty",
    },
    "ru": {
        "day": "по дням", "week": "по неделям", "value": "значение", "expected": "ожидалось",
        "band": "обычный диапазон",
        "holiday": "праздник", "false": "отмечено как ложное", 
        "nothing": "Нечего показать: ряд слишком короткий или пустой",
    },
}  # fmt: skip


def plot_series(
    points: pd.DataFrame,
    events: pd.DataFrame,
    metric: str,
    dimension: str = "total",
    member: str = "",
    grain: str = DAY,
    language: str = "en",
    *,
    tenant: str = "",
    currency: str = "",
) -> bytes:
    """Draw one series of a result as PNG.

    Args:
        points: of an `AnomalyResult`.
        events: of the same result.
        metric: as in the frames.
        dimension: as in the frames.
        member: empty for the total.
        grain: `day` or `week`.
        language: `en` or `ru`.
        tenant: its name, for the title.
        currency: of an amount; empty for counts and ratios.

    Raises:
        ValueError: the language is neither.
    """
    if language not in LANGUAGES:
        raise ValueError(f"language is {language!r}: give one of {', '.join(LANGUAGES)}")
    shown = _of_series(points, metric, dimension, member, grain).sort_values("period_start")
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    axes = figure.add_subplot()
    title = _title(shown, metric, dimension, member, grain, language)
    axes.set_title(f"{title} · {tenant}" if tenant else title, loc="left", fontsize=12, weight="bold")
    if shown["value"].notna().any():
        _draw(axes, shown, _of_series(events, metric, dimension, member, grain), grain, language)
        axes.set_ylabel(", ".join(filter(None, (metric_name(metric, language), currency))))
    else:
        axes.text(
            0.5, 0.5, _TEXTS[language]["nothing"], ha="center", va="center", color=_MUTED, transform=axes.transAxes
        )
        axes.set_axis_off()
    out = io.BytesIO()
    FigureCanvasAgg(figure).print_png(out)
    return out.getvalue()


def _of_series(frame: pd.DataFrame, metric: str, dimension: str, member: str, grain: str) -> pd.DataFrame:
    wanted = (frame["metric"] == metric) & (frame["dimension"] == dimension) & (frame["grain"] == grain)
    found: pd.DataFrame = frame[wanted & (frame["member"] == member)]
    return found


def _title(shown: pd.DataFrame, metric: str, dimension: str, member: str, grain: str, language: str) -> str:
    name = str(shown["name"].iloc[0]) if len(shown) else member
    who = f" ({member_text(dimension, member, name, language)})" if name else ""
    return f"{metric_name(metric, language)}{who}, {_TEXTS[language][grain]}"


def _draw(axes: Axes, shown: pd.DataFrame, events: pd.DataFrame, grain: str, language: str) -> None:
    texts = _TEXTS[language]
    # A week stands at its middle.
    days = pd.to_datetime(shown["period_start"]) + pd.Timedelta(days=0 if grain == DAY else 3)
    columns = {name: pd.to_numeric(shown[name]) for name in ("value", "expected", "lower", "upper")}
    axes.fill_between(days, columns["lower"], columns["upper"], color=_BAND, alpha=0.45, lw=0, label=texts["band"])
    axes.plot(days, columns["expected"], color=_LINE, lw=1, ls="--", label=texts["expected"])
    axes.plot(days, columns["value"], color=_LINE, lw=1.6, marker="o", ms=3, label=texts["value"])
    free = shown["status"].eq("holiday").to_numpy()
    if free.any():
        axes.scatter(
            days[free], columns["value"][free], marker="s", s=30, color=_MUTED, zorder=3, label=texts["holiday"]
        )
    _draw_events(axes, days, columns["value"], shown, events, grain, language)
    if shown["denominator"].isna().all():
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value, shown, language)))
    axes.xaxis.set_major_locator(mdates.AutoDateLocator(maxticks=9))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, place: _day_tick(value, place, language)))
    axes.grid(axis="y", color="#dddddd", lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    if pd.concat([columns["lower"], columns["value"]]).min() >= 0:
        axes.set_ylim(bottom=0)
    axes.margins(y=0.18)
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.1), ncols=6, frameon=False, fontsize=9)


def _draw_events(
    axes: Axes, days: pd.Series, values: pd.Series, shown: pd.DataFrame, events: pd.DataFrame, grain: str, language: str
) -> None:
    labelled: set[str] = set()
    half = pd.Timedelta(hours=12 if grain == DAY else 84)
    for event in events.sort_values("first_day").to_dict("records"):
        is_false, severity = bool(event["is_false_positive"]), str(event["severity"])
        color = _MUTED if is_false else _COLORS[severity]
        name = _TEXTS[language]["false"] if is_false else SEVERITY_NAMES[severity][language]
        inside = (shown["event_id"] == event["event_id"]).to_numpy()
        if not inside.any():
            continue
        axes.axvspan(days[inside].min() - half, days[inside].max() + half, color=color, alpha=0.16, lw=0)
        axes.scatter(
            days[inside], values[inside], s=46, color=color, zorder=4, label=None if name in labelled else name
        )
        labelled.add(name)
        _label(axes, days[inside], values[inside], event, color, language)


def _label(
    axes: Axes, days: pd.Series, values: pd.Series, event: dict[Hashable, Any], color: str, language: str
) -> None:
    first, last = (pd.Timestamp(event[name]).date() for name in ("first_day", "last_day"))
    text, down = days_text(first, last, language, year=False), event["direction"] == DOWN
    place = values.idxmin() if down else values.idxmax()
    axes.annotate(
        text,
        (days[place], values[place]),
        xytext=(0, -14 if down and values[place] > 0 else 10),
        textcoords="offset points",
        ha="center",
        va="top" if down and values[place] > 0 else "bottom",
        fontsize=8.5,
        color=color,
        weight="bold",
    )


def _tick(value: float, shown: pd.DataFrame, language: str) -> str:
    if shown["denominator"].notna().any():
        return rate_text(value, language)
    # One way of writing for a whole axis: 5K beside 10K.
    if abs(value) >= 1000 and pd.to_numeric(shown["value"]).max() >= _ALL_COMPACT_FROM:
        return str(format_compact_decimal(value, locale=language, fraction_digits=1))
    return number(value, language)


def _day_tick(value: float, place: int | None, language: str) -> str:
    day = mdates.num2date(value).date()
    # The year at the first tick and where a new one begins.
    return days_text(day, day, language, year=place == 0 or (day.month == 1 and day.day == 1))
