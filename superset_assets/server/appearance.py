"""What people see of Superset itself: languages, formats of numbers and dates, palettes, and what pages may load."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_babel import get_locale

from catalogue.texts import LanguageCode
from superset_assets.palettes import CATEGORICAL
from superset_assets.server.currency import affixes, currency_of_the_reader

LANGUAGES = {"ru": {"flag": "ru", "name": "Русский"}, "en": {"flag": "us", "name": "English"}}

NUMBERS: dict[LanguageCode, dict[str, Any]] = {
    "en": {"decimal": ".", "thousands": ",", "grouping": [3]},
    # A narrow no-break space: a figure is never broken at the end of a line.
    "ru": {"decimal": ",", "thousands": "\u202f", "grouping": [3]},
}
DATES: dict[LanguageCode, dict[str, Any]] = {
    "en": {
        "dateTime": "%b %-d, %Y, %H:%M",
        "date": "%b %-d, %Y",
        "time": "%H:%M",
        "periods": ["AM", "PM"],
        "days": ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"],
        "shortDays": ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"],
        "months": [
            "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
            "November", "December",
        ],
        "shortMonths": ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    },
    "ru": {
        "dateTime": "%d.%m.%Y %H:%M",
        "date": "%d.%m.%Y",
        "time": "%H:%M",
        "periods": ["", ""],
        "days": ["воскресенье", "понедельник", "вторник", "среда", "четверг", "пятница", "суббота"],
        "shortDays": ["вс", "пн", "вт", "ср", "чт", "пт", "сб"],
        "months": [
            "январь", "февраль", "март", "апрель", "май", "июнь", "июль", "август", "сентябрь", "октябрь", "ноябрь",
            "декабрь",
        ],
        "shortMonths": ["янв", "фев", "мар", "апр", "май", "июн", "июл", "авг", "сен", "окт", "ноя", "дек"],
    },
}  # fmt: skip

CATEGORICAL_SCHEMES = [
    {
        "id": "crmCategorical",
        "description": "Told apart with any common colour blindness",
        "label": "CRM Analytics",
        "isDefault": True,
        "colors": list(CATEGORICAL),
    },
    {
        "id": "crmPale",
        "description": "Pale blues, for text on top of them",
        "label": "CRM Analytics, pale",
        "isDefault": False,
        "colors": ["#8FBFDF", "#9CC6E3", "#A9CDE7", "#B6D4EA", "#C3DBEE", "#D0E3F2", "#DDEAF5", "#EAF2F9"],
    },
]
SEQUENTIAL_SCHEMES = [
    {
        "id": "crmSequential",
        "description": "Light to dark blue, even in grey",
        "isDiverging": False,
        "isDefault": True,
        "label": "CRM Analytics, blue",
        "colors": ["#EFF5FA", "#C6DDEE", "#8FBFDF", "#4F9ACB", "#0072B2", "#004D78"],
    },
    {
        "id": "crmDiverging",
        "description": "Orange through grey to blue",
        "isDiverging": True,
        "isDefault": False,
        "label": "CRM Analytics, orange to blue",
        "colors": ["#B34700", "#E69F5C", "#F2F2F2", "#7FB2D6", "#0072B2"],
    },
]


def formats_of_the_reader(bootstrap: dict[str, Any]) -> dict[str, Any]:
    """Return how numbers, money and dates are written on the page that is being served to the current reader."""
    language: LanguageCode = "ru" if str(bootstrap.get("locale") or get_locale()).startswith("ru") else "en"
    money = affixes(currency_of_the_reader(), language)
    return {"d3_format": {**NUMBERS[language], "currency": money}, "d3_time_format": DATES[language]}


def content_security(origins: Sequence[str], *, secure: bool) -> dict[str, Any]:
    """Return what a page may load: only from here, so that no telemetry leaves; and who may frame it."""
    return {
        "content_security_policy": {
            "base-uri": ["'self'"],
            "default-src": ["'self'"],
            "img-src": ["'self'", "blob:", "data:"],
            "worker-src": ["'self'", "blob:"],
            "connect-src": ["'self'"],
            "object-src": "'none'",
            "style-src": ["'self'", "'unsafe-inline'"],
            "font-src": ["'self'"],
            "script-src": ["'self'", "'strict-dynamic'"],
            "form-action": ["'self'"],
            "frame-ancestors": ["'self'", *origins],
        },
        "content_security_policy_nonce_in": ["script-src"],
        # A browser that knows frame-ancestors ignores this older header; it could name one origin only.
        "frame_options": None if origins else "SAMEORIGIN",
        "force_https": False,
        "strict_transport_security": secure,
        "session_cookie_secure": secure,
        "referrer_policy": "strict-origin-when-cross-origin",
    }
