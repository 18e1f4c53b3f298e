"""Plots of a model: reliability and importance, in Russian and English. They draw rows and compute nothing."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from io import BytesIO

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from ml_assets.probability.wording import LanguageCode, number, percent

_BLUE, _GRAY = "#2563ab", "#8a8f98"
_MOST_FEATURES = 12
_LETTERS_PER_INCH = 9
# The share among fewer says nothing about a chance.
_LEAST_SHOWN = 10

_SUBJECTS: Mapping[str, tuple[str, str]] = {
    "churn": ("customers leave", "уход клиентов"),
    "lead": ("leads convert", "конверсия лидов"),
    "deal": ("deals are won", "выигрыш сделок"),
}
_WORDS: Mapping[str, tuple[str, str]] = {
    "reliability": ("Does the chance come true that {subject}?", "Сбывается ли вероятность: {subject}"),
    "said": ("Chance that was given", "Вероятность по прогнозу"),
    "observed": ("Share that came true", "Доля сбывшихся"),
    "ideal": ("exact", "точное совпадение"),
    "model": ("model", "модель"),
    "baseline": ("baseline without learning", "базовый прогноз без обучения"),
    "few": (
        f"points stand for at least {_LEAST_SHOWN} entities",
        f"точка показана, если в ней не меньше {_LEAST_SHOWN} записей",
    ),
    "size": ("Entities", "Записей"),
    "importance": ("What the chance that {subject} depends on", "От чего зависит вероятность: {subject}"),
    "reliability_of_none": ("Does the chance come true?", "Сбывается ли вероятность?"),
    "importance_of_none": ("What the chance depends on", "От чего зависит вероятность"),
    "share": ("Share of all effects", "Доля в сумме влияний"),
    "nothing": ("No closed period to compare with yet", "Пока нет завершённого периода для сравнения"),
    "not_learnt": ("Nothing learnt yet: too little history", "Модель ещё не обучена: мало истории"),
}
_FEATURES: Mapping[str, tuple[str, str]] = {
    "silence": ("days since the last purchase", "дней с последней покупки"),
    "silence_ratio": ("silence against the usual pause", "пауза относительно обычной"),
    "usual_pause": ("usual pause between purchases", "обычная пауза между покупками"),
    "rhythm": ("rhythm of purchases", "ритм покупок"),
    "window": ("length of the window", "длина окна"),
    "tenure": ("days since the first purchase", "дней с первой покупки"),
    "purchases": ("purchases so far", "покупок всего"),
    "purchases_90": ("purchases in 90 days", "покупок за 90 дней"),
    "purchases_prior_90": ("purchases in the 90 days before", "покупок за предыдущие 90 дней"),
    "purchases_365": ("purchases in 365 days", "покупок за 365 дней"),
    "mean_amount": ("mean amount", "средняя сумма"),
    "last_amount": ("last amount against the mean", "последняя сумма к средней"),
    "amount_365": ("amount in 365 days", "сумма за 365 дней"),
    "contact_days": ("days since the last contact", "дней с последнего контакта"),
    "contacts_30": ("contacts in 30 days", "контактов за 30 дней"),
    "contacts_90": ("contacts in 90 days", "контактов за 90 дней"),
    "contacts_prior_90": ("contacts in the 90 days before", "контактов за предыдущие 90 дней"),
    "calls_90": ("calls in 90 days", "звонков за 90 дней"),
    "meetings_90": ("meetings in 90 days", "встреч за 90 дней"),
    "emails_90": ("e-mails in 90 days", "писем за 90 дней"),
    "tasks_90": ("tasks in 90 days", "задач за 90 дней"),
    "message_days": ("days since the customer wrote", "дней с сообщения клиента"),
    "messages_90": ("customer's messages in 90 days", "сообщений клиента за 90 дней"),
    "open_deals": ("open deals", "открытых сделок"),
    "lost_since": ("deals lost since the last purchase", "проиграно после покупки"),
    "source": ("source", "источник"),
    "source_type": ("type of source", "тип источника"),
    "handler": ("who works on it", "кто работает с лидом"),
    "age": ("age", "возраст"),
    "rate": ("usual rate of its stage or age", "обычная доля для этапа или возраста"),
    "response": ("time to the first contact", "время до первого контакта"),
    "activity_days": ("days since the last activity", "дней с последней активности"),
    "activities": ("activities so far", "активностей всего"),
    "activities_14": ("activities in 14 days", "активностей за 14 дней"),
    "activities_60": ("activities in 60 days", "активностей за 60 дней"),
    "calls": ("calls", "звонков"),
    "meetings": ("meetings", "встреч"),
    "emails": ("e-mails", "писем"),
    "meetings_60": ("meetings in 60 days", "встреч за 60 дней"),
    "messages": ("client's messages", "сообщений клиента"),
    "messages_30": ("client's messages in 30 days", "сообщений клиента за 30 дней"),
    "stage": ("stage", "этап"),
    "pipeline": ("pipeline", "воронка"),
    "days_in_stage": ("days on the stage", "дней на этапе"),
    "moves": ("stage changes", "переходов по этапам"),
    "owner": ("manager", "менеджер"),
    "customer_won": ("client's won deals", "выигранных сделок клиента"),
    "customer_lost": ("client's lost deals", "проигранных сделок клиента"),
    "amount": ("amount against the usual one", "сумма к обычной"),
    "amount_known": ("whether the amount is given", "указана ли сумма"),
}


def _word(language: LanguageCode, key: str, **values: str) -> str:
    return _WORDS[key][0 if language == "en" else 1].format(**values)


def feature_label(language: LanguageCode, feature: str) -> str:
    """Name of a feature as a reader would say it."""
    return _FEATURES[feature][0 if language == "en" else 1]


def reliability_plot(rows: pd.DataFrame, language: LanguageCode, tenant: str = "") -> bytes:
    """PNG: chances that were given against what came, over bars of how many entities had them.

    Args:
        rows: `frames.RELIABILITY_ROW_COLUMNS` of one tenant and subject; none gives an empty plot that says so.
        language: of all words and numbers.
        tenant: its name, for the title.
    """
    figure = Figure(figsize=(7, 6.6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    _put_title(figure, "reliability", rows, language, tenant)
    if rows.empty:
        return _empty(upper, lower, "nothing", figure, language)
    upper.plot([0, 1], [0, 1], color=_GRAY, linestyle=":", label=_word(language, "ideal"))
    for method, color, marker in (("baseline", _GRAY, "s"), ("model", _BLUE, "o")):
        own = rows[(rows["method"] == method) & (rows["n"] >= _LEAST_SHOWN)]
        if len(own):
            upper.plot(
                own["mean_probability"], own["observed_rate"], color=color, marker=marker, label=_word(language, method)
            )
    shown = rows[rows["method"] == ("model" if (rows["method"] == "model").any() else "baseline")]
    lower.bar((shown["lower"] + shown["upper"]) / 2, shown["n"], width=0.09, color=_BLUE)
    upper.legend(frameon=False, loc="upper left")
    upper.text(0.99, 0.02, _word(language, "few"), ha="right", fontsize=8, color=_GRAY, transform=upper.transAxes)
    upper.set_ylabel(_word(language, "observed"))
    lower.set_ylabel(_word(language, "size"))
    lower.set_xlabel(_word(language, "said"))
    lower.set_xlim(0, 1)
    upper.set_ylim(-0.02, 1.02)
    shares = FuncFormatter(lambda value, _: percent(language, value))
    upper.yaxis.set_major_formatter(shares)
    lower.xaxis.set_major_formatter(shares)
    lower.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(language, value)))
    for axes in (upper, lower):
        _tidy(axes)
    return _png(figure)


def importance_plot(rows: pd.DataFrame, language: LanguageCode, tenant: str = "") -> bytes:
    """PNG: the features with the largest effects; `rows` of one subject, as in `frames.IMPORTANCE_COLUMNS`."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    _put_title(figure, "importance", rows, language, tenant)
    if rows.empty:
        return _empty(axes, None, "not_learnt", figure, language)
    shown = rows.sort_values("share", ascending=False).head(_MOST_FEATURES).iloc[::-1]
    labels = [feature_label(language, str(name)) for name in shown["feature"]]
    bars = axes.barh(labels, shown["share"], color=_BLUE)
    axes.bar_label(bars, labels=[percent(language, share) for share in shown["share"]], padding=3, fontsize=9)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: percent(language, value)))
    axes.set_xlabel(_word(language, "share"))
    axes.margins(x=0.1)
    _tidy(axes)
    return _png(figure)


def _put_title(figure: Figure, key: str, rows: pd.DataFrame, language: LanguageCode, tenant: str) -> None:
    """Put the title over the whole figure, in two lines where a company's name is long."""
    title = textwrap.fill(_title(key, rows, language, tenant), int(figure.get_figwidth() * _LETTERS_PER_INCH))
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)


def _title(key: str, rows: pd.DataFrame, language: LanguageCode, tenant: str) -> str:
    if rows.empty:
        text = _word(language, f"{key}_of_none")
    else:
        text = _word(language, key, subject=_SUBJECTS[str(rows["subject"].iloc[0])][0 if language == "en" else 1])
    return f"{text} · {tenant}" if tenant else text


def _empty(upper: Axes, lower: Axes | None, key: str, figure: Figure, language: LanguageCode) -> bytes:
    for axes in (upper, lower):
        if axes is not None:
            axes.set_axis_off()
    upper.text(0.5, 0.5, _word(language, key), ha="center", va="center", fontsize=12, transform=upper.transAxes)
    return _png(figure)


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="both", color="#e3e5e8", linewidth=0.7)
    axes.set_axisbelow(True)


def _png(figure: Figure) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
