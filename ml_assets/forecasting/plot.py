"""Pictures of a forecast as PNG, in the reader's language and number format; figures come ready, none is computed here.

Texts of dashboards belong elsewhere: these pictures are for the people who run the models.
"""

from __future__ import annotations

import io
import textwrap
from dataclasses import dataclass

import numpy as np
import pandas as pd
from babel import Locale
from babel.core import UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_compact_decimal, format_decimal, format_percent
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ml_assets.forecasting.backtest import NAIVE

_WORDS = {
    "fan_title": ("Sales forecast", "Прогноз продаж"),
    "backtest_title": ("Backtest of the sales forecast", "Проверка прогноза на прошлом"),
    "quarter_title": ("Forecast of the quarter", "Прогноз квартала"),
    "fact": ("Fact", "Факт"),
    "forecast": ("Forecast", "Прогноз"),
    "band": ("{level} band", "Интервал {level}"),
    "sales": ("Sales, {currency}", "Продажи, {currency}"),
    "model": ("published: {model}", "опубликовано: {model}"),
    "low_history": ("short history", "короткая история"),
    "cut": ("Forecast from {month}", "Прогноз · {month}"),
    "error": ("Mean error as a share of sales, less is better", "Средняя ошибка в долях продаж, меньше лучше"),
    "booked": ("Won already", "Уже выиграно"),
    "expected_open": ("Expected of open deals", "Ожидается от открытых сделок"),
    "expected_new": ("Expected of new deals", "Ожидается от новых сделок"),
    "pipeline": ("Open deals", "По открытым сделкам"),
    "series": ("Monthly series", "По ряду месяцев"),
    "blend": ("Blend (published)", "Смесь (опубликовано)"),
    "remaining": ("Expected", "Ожидается"),
    "nothing": ("No sales yet: the forecast is zero", "Продаж ещё нет: прогноз равен нулю"),
}  # fmt: skip
_MODELS = {
    "combination": ("combination", "комбинация"),
    "combination_with_naive": ("combination with naive", "комбинация с наивным"),
    "seasonal_naive": ("seasonal naive", "сезонный наивный"),
    "drift": ("drift", "дрейф"),
    "ets": ("ETS", "ETS"),
    "ces": ("CES", "CES"),
    "theta": ("Theta", "Theta"),
    "mstl": ("MSTL", "MSTL"),
    "log_mstl": ("MSTL of logarithms", "MSTL логарифмов"),
    "seasonal_mean": ("mean of two years", "среднее двух лет"),
    "arima": ("ARIMA", "ARIMA"),
    "prophet": ("Prophet", "Prophet"),
    "structural": ("Gaussian process", "гауссовский процесс"),
    "croston_sba": ("Croston (SBA)", "Кростон (SBA)"),
    "tsb": ("TSB", "TSB"),
    "zero": ("zero", "ноль"),
}
_MONTHS_SHOWN = 48
_MONTHS_NAMED = 9
_LETTERS_OF_TITLE = 76
_GRID = "#e6e9ed"
_INK, _ACCENT, _PALE, _NAIVE = "#2b2f36", "#1f6fb2", "#9fc4e3", "#b35c1e"
_CUT_COLOURS = ("#1f6fb2", "#2a9d74", "#b35c1e", "#8256a6", "#a83250")


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom a picture is drawn.

    Attributes:
        locale: such as `ru_RU`; it decides words and number formats, English where it is neither.
        currency: of all amounts, ISO 4217.
        name: whose forecast it is.
    """

    locale: str
    currency: str
    name: str

    @property
    def is_russian(self) -> bool:
        """Whether the words are Russian."""
        return self.locale.lower().startswith("ru")

    @property
    def format_locale(self) -> Locale:
        """Of numbers and dates: the reader's country where the words are of its language, else the language's own."""
        language = "ru" if self.is_russian else "en"
        try:
            found = Locale.parse(self.locale.replace("-", "_"))
        except (UnknownLocaleError, ValueError):
            return Locale(language)
        return found if found.language == language else Locale(language)

    def word(self, key: str, **values: str) -> str:
        """Return a word of the picture."""
        return _WORDS[key][self.is_russian].format(**values)

    def model(self, name: str) -> str:
        """Return the name of a model."""
        return _MODELS.get(name, (name, name))[self.is_russian]

    def month(self, moment: pd.Timestamp) -> str:
        """Return a month as an axis shows it."""
        return format_date(moment, "LLL y", locale=self.format_locale)

    def amount(self, value: float) -> str:
        """Return an amount as an axis shows it: 1.25M, 1,25 млн."""
        if abs(value) < 1000:
            return str(format_decimal(round(value), locale=self.format_locale))
        return str(format_compact_decimal(value, locale=self.format_locale, fraction_digits=2))

    def share(self, value: float) -> str:
        """Return a fraction as a percentage."""
        return str(format_percent(value, locale=self.format_locale))


def fan_chart(history: pd.Series, forecasts: pd.DataFrame, reader: Reader) -> bytes:
    """Draw the months that were and those to come with their bands.

    Args:
        history: amounts by month, finished months only.
        forecasts: rows of one series as `FORECAST_COLUMNS`; the published model is drawn.
        reader: for whom.
    """
    published = forecasts[forecasts["is_published"]].assign(month=pd.to_datetime(forecasts["month"]))
    figure, (axes,) = _figure(reader.word("fan_title"), reader)
    shown = _by_month(history).tail(_MONTHS_SHOWN)
    levels = sorted(published["confidence"].unique(), reverse=True)
    for place, level in enumerate(levels):
        band = published[published["confidence"] == level].sort_values("month")
        label = reader.word("band", level=reader.share(level))
        axes.fill_between(
            band["month"], band["lower"], band["upper"], color=_PALE, alpha=0.35 + 0.4 * place, label=label, lw=0
        )
    points = published[published["confidence"] == levels[0]].sort_values("month")
    if len(shown):
        axes.plot(shown.index, shown.to_numpy(), color=_INK, lw=1.8, label=reader.word("fact"))
        axes.plot(
            [shown.index[-1], points["month"].iloc[0]], [shown.iloc[-1], points["point"].iloc[0]],
            color=_ACCENT, lw=1.2, ls=":",
        )  # fmt: skip
    else:
        axes.text(0.5, 0.5, reader.word("nothing"), transform=axes.transAxes, ha="center", color=_INK)
        axes.set_ylim(0.0, 1.0)
        axes.set_yticks([0.0])
    axes.plot(points["month"], points["point"], color=_ACCENT, lw=2, marker="o", ms=4, label=reader.word("forecast"))
    told = [reader.word("model", model=reader.model(str(points["model"].iloc[0])))]
    if bool(points["low_history"].iloc[0]):
        told.append(reader.word("low_history"))
    axes.set_title(" · ".join(told), loc="left", fontsize=9, color="#5a606b")
    _money_by_month(axes, pd.DatetimeIndex([*shown.index, *points["month"]]), reader)
    return _png(figure)


def backtest_plot(history: pd.Series, backtest: pd.DataFrame, published: str, reader: Reader) -> bytes:
    """Draw what was said at each cut-off beside what came, and the error of every model.

    Args:
        history: amounts by month, finished months only.
        backtest: rows of one series as `BACKTEST_COLUMNS`.
        published: the model of the series that counts; what it said is drawn.
        reader: for whom.
    """
    rows = backtest.assign(month=pd.to_datetime(backtest["month"]), origin=pd.to_datetime(backtest["origin"]))
    said = rows[rows["model"] == published]
    figure, (above, below) = _figure(reader.word("backtest_title"), reader, height=7.2, panels=2)
    shown = _by_month(history)
    shown = shown[shown.index >= said["origin"].min() - pd.DateOffset(months=12)]
    above.plot(shown.index, shown.to_numpy(), color=_INK, lw=1.8, label=reader.word("fact"))
    for colour, (origin, steps) in zip(_CUT_COLOURS * 3, said.groupby("origin"), strict=False):
        steps = steps.sort_values("month")
        label = reader.word("cut", month=reader.month(origin + pd.DateOffset(months=1)))
        above.plot(steps["month"], steps["point"], color=colour, lw=1.6, marker="o", ms=3.5, label=label)
    above.set_title(reader.word("model", model=reader.model(published)), loc="left", fontsize=9, color="#5a606b")
    _money_by_month(above, pd.DatetimeIndex(shown.index), reader)
    level = float(rows["actual"].abs().mean()) or 1.0
    errors = (rows.groupby("model")["absolute_error"].mean() / level).sort_values(ascending=False)
    colours = [_ACCENT if name == published else _NAIVE if name == NAIVE else _PALE for name in errors.index]
    drawn = below.barh([reader.model(str(name)) for name in errors.index], errors.to_numpy(), color=colours)
    below.bar_label(drawn, [reader.share(value) for value in errors], padding=3, fontsize=8)
    below.set_title(reader.word("error"), loc="left", fontsize=9, color="#5a606b")
    below.xaxis.set_major_formatter(FuncFormatter(lambda value, _: reader.share(value)))
    below.margins(x=0.12)
    below.tick_params(labelsize=8)
    return _png(figure)


def quarter_plot(forecasts: pd.DataFrame, reader: Reader) -> bytes:
    """Draw the quarter by method: what is won, what is expected, and the widest band.

    Args:
        forecasts: rows as `QUARTER_COLUMNS` of one tenant.
        reader: for whom.
    """
    widest = forecasts[forecasts["confidence"] == forecasts["confidence"].max()].set_index("method")
    widest = widest.loc[[name for name in ("series", "pipeline", "blend") if name in widest.index]]
    start = pd.Timestamp(widest["quarter_start"].iloc[0])
    months = f"{reader.month(start)} – {reader.month(start + pd.DateOffset(months=2))}"
    figure, (axes,) = _figure(f"{reader.word('quarter_title')} {months}", reader, height=3.9)
    places, left = np.arange(len(widest)), np.zeros(len(widest))
    # Only the forecast from open deals knows what its expectation is made of.
    of_deals = widest.index == "pipeline"
    rest = (widest["point"] - widest["booked"]).clip(lower=0.0)
    parts = {
        "booked": (widest["booked"], _INK),
        "expected_open": (widest["expected_open"].where(of_deals, 0.0), _ACCENT),
        "expected_new": (widest["expected_new"].where(of_deals, 0.0), _PALE),
        "remaining": (rest.where(~of_deals, 0.0), "#cfd6de"),
    }
    for name, (values, colour) in parts.items():
        if values.any():
            axes.barh(places, values, left=left, color=colour, label=reader.word(name), height=0.55)
        left = left + values.to_numpy(dtype=float)
    reach = np.vstack([widest["point"] - widest["lower"], widest["upper"] - widest["point"]]).clip(min=0.0)
    axes.errorbar(widest["point"], places, xerr=reach, fmt="o", color="#a83250", capsize=4, ms=4,
                  label=reader.word("band", level=reader.share(float(widest["confidence"].iloc[0]))))  # fmt: skip
    for place, (_, row) in zip(places, widest.iterrows(), strict=True):
        axes.text(row["point"], place + 0.36, reader.amount(row["point"]), ha="center", fontsize=8.5, color="#a83250")
    axes.set_yticks(places, [reader.word(str(name)) for name in widest.index])
    axes.set_ylim(-0.5, len(widest) - 0.3)
    axes.set_xlabel(reader.word("sales", currency=reader.currency))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: reader.amount(value)))
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.set_xlim(left=0)
    axes.legend(frameon=False, fontsize=8, ncols=3, loc="upper center", bbox_to_anchor=(0.45, -0.22))
    return _png(figure)


def _by_month(history: pd.Series) -> pd.Series:
    """The months without gaps: one without sales is a zero."""
    if history.empty:
        return history
    series = history.copy()
    series.index = pd.to_datetime(series.index)
    months: pd.Series = series.resample("MS").sum()
    return months


def _figure(title: str, reader: Reader, *, height: float = 4.4, panels: int = 1) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(9, height), dpi=110, layout="constrained")
    axes = [figure.add_subplot(panels, 1, place + 1) for place in range(panels)]
    # In two lines where a company's name is long.
    title = textwrap.fill(f"{title} · {reader.name}", _LETTERS_OF_TITLE)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12.5, fontweight="bold", color=_INK)
    for panel in axes:
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(axis="x", color=_GRID, lw=0.8)
        panel.set_axisbelow(True)
    return figure, axes


def _money_by_month(axes: Axes, months: pd.DatetimeIndex, reader: Reader) -> None:
    axes.set_ylabel(reader.word("sales", currency=reader.currency))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: reader.amount(value)))
    ticks = months[:: -(-len(months) // _MONTHS_NAMED)]
    axes.set_xticks(ticks, [reader.month(month) for month in ticks])
    axes.grid(axis="x", visible=False)
    axes.grid(axis="y", color=_GRID, lw=0.8)
    axes.set_ylim(bottom=min(0.0, axes.dataLim.y0))
    # Below the months: within the axes it would cover a high month.
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(-0.01, -0.1), ncols=4)


def _png(figure: Figure) -> bytes:
    written = io.BytesIO()
    figure.savefig(written, format="png", metadata={"Software": None})
    return written.getvalue()
