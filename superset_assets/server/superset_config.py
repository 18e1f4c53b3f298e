"""Superset's configuration file (SUPERSET_CONFIG_PATH): the names that it reads, filled from this project's settings.

Every value comes from `deploy.settings`; what is more than a value lives in a module of its own beside this one.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from celery.schedules import crontab
from flask import Flask

from deploy.settings import load_report_settings, load_superset_settings
from superset_assets.server import appearance, browser, currency, warehouse
from superset_assets.server.aliases import keep_aliases_apart
from superset_assets.server.event_log import RequestLogger
from superset_assets.server.guests import validate_guest_request
from superset_assets.server.identity import jinja_macros
from superset_assets.server.phone import fit_phones
from superset_assets.server.questions import remember_questions
from superset_assets.server.report_pdf import print_scheduled_dashboards
from superset_assets.server.security_manager import CrmSecurityManager
from superset_assets.server.single_sign_on import blueprint as single_sign_on
from superset_assets.server.wording import complete_the_russian_pack

_settings = load_superset_settings()
_reports = load_report_settings()
_home = Path(os.environ["SUPERSET_HOME"])
_secure = _settings.address.startswith("https://")

# Where Superset keeps its own state.
SECRET_KEY = _settings.secret_key.get_secret_value()
SQLALCHEMY_DATABASE_URI = _settings.metadata_uri.get_secret_value()
SQLALCHEMY_ENGINE_OPTIONS = {"pool_pre_ping": True, "pool_size": 10, "max_overflow": 10}


def _cache(name: str, seconds: int) -> dict[str, Any]:
    return {
        "CACHE_TYPE": "FileSystemCache",
        "CACHE_DIR": str(_home / "cache" / name),
        "CACHE_DEFAULT_TIMEOUT": seconds,
        "CACHE_THRESHOLD": 20_000,
    }


_DAY = 24 * 60 * 60
CACHE_CONFIG = _cache("metadata", 10 * 60)
DATA_CACHE_CONFIG = _cache("data", _DAY)
FILTER_STATE_CACHE_CONFIG = _cache("filter_state", 30 * _DAY)
EXPLORE_FORM_DATA_CACHE_CONFIG = _cache("form_data", 7 * _DAY)
THUMBNAIL_CACHE_CONFIG = _cache("thumbnails", 7 * _DAY)
STORE_CACHE_KEYS_IN_METADATA_DB = True
EVENT_LOGGER = RequestLogger()

# What it looks like, in which languages.
APP_NAME = "CRM Analytics"
BABEL_DEFAULT_LOCALE = _settings.language
LANGUAGES = appearance.LANGUAGES
EXTRA_CATEGORICAL_COLOR_SCHEMES = appearance.CATEGORICAL_SCHEMES
EXTRA_SEQUENTIAL_COLOR_SCHEMES = appearance.SEQUENTIAL_SCHEMES
COMMON_BOOTSTRAP_OVERRIDES_FUNC = appearance.formats_of_the_reader
CURRENCIES = list(currency.SIGNS)
THEME_FONT_URL_ALLOWED_DOMAINS: list[str] = []
ENABLE_UI_THEME_ADMINISTRATION = False

FEATURE_FLAGS = {
    "ALERT_REPORTS": _reports.scheduled,
    # A figure beside that of the period before (`pop_kpi`).
    "CHART_PLUGINS_EXPERIMENTAL": True,
    "DASHBOARD_RBAC": False,
    "DRILL_BY": True,
    "DRILL_TO_DETAIL": True,
    "EMBEDDED_SUPERSET": True,
    "ENABLE_TEMPLATE_PROCESSING": True,
    "ALLOW_ADHOC_SUBQUERY": False,
    "RLS_IN_SQLLAB": True,
    "ESCAPE_MARKDOWN_HTML": True,
    # A chart is asked for and drawn when it comes near the window: a long page opens as quickly as a short one.
    "DASHBOARD_VIRTUALIZATION": True,
    "DASHBOARD_VIRTUALIZATION_DEFER_DATA": True,
    "AVOID_COLORS_COLLISION": True,
}

# Who gets in, and what a query of theirs may say.
CUSTOM_SECURITY_MANAGER = CrmSecurityManager
BLUEPRINTS = [single_sign_on]
JINJA_CONTEXT_ADDONS = jinja_macros()
AUTH_USER_REGISTRATION = False
PUBLIC_ROLE_LIKE = None
RATELIMIT_ENABLED = True
RATELIMIT_APPLICATION = "200 per second"
AUTH_RATE_LIMITED = True
AUTH_RATE_LIMIT = "10 per second"
GUEST_ROLE_NAME = "crm_embedded_viewer"
GUEST_TOKEN_JWT_SECRET = _settings.guest_token_secret.get_secret_value()
GUEST_TOKEN_JWT_AUDIENCE = "superset"
GUEST_TOKEN_JWT_EXP_SECONDS = 300
GUEST_TOKEN_VALIDATOR_HOOK = validate_guest_request
DISALLOWED_SQL_FUNCTIONS = warehouse.DISALLOWED_FUNCTIONS
DB_CONNECTION_MUTATOR = warehouse.connection_mutator(_settings)
PREVENT_UNSAFE_DB_CONNECTIONS = True
PERMANENT_SESSION_LIFETIME = timedelta(hours=10)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = _secure
# An embedded page is another site's: there the guest token speaks, never a cookie.
SESSION_COOKIE_SAMESITE = "Lax"
ENABLE_PROXY_FIX = bool(_settings.public_url)
ENABLE_CORS = bool(_settings.origins)
CORS_OPTIONS = {"supports_credentials": False, "origins": list(_settings.origins)}
CONTENT_SECURITY_POLICY_WARNING = False
TALISMAN_ENABLED = True
TALISMAN_CONFIG = appearance.content_security(_settings.origins, secure=_secure)

# Limits of one query and of one answer.
ROW_LIMIT = 10_000
SQL_MAX_ROW = 100_000
SUPERSET_WEBSERVER_TIMEOUT = 60
SQLLAB_TIMEOUT = 60

# Reports that leave Superset.
WEBDRIVER_TYPE = "chrome"
WEBDRIVER_BASEURL = f"http://127.0.0.1:{_settings.port}/"
WEBDRIVER_BASEURL_USER_FRIENDLY = f"{_settings.address}/"
WEBDRIVER_OPTION_ARGS = browser.CHROMIUM_FLAGS
WEBDRIVER_CONFIGURATION = browser.webdriver_configuration(_reports)
WEBDRIVER_AUTH_FUNC = browser.sign_in
WEBDRIVER_WINDOW = {"dashboard": (1280, 1800), "slice": (1280, 900), "pixel_density": 1}
SCREENSHOT_LOCATE_WAIT = 30
SCREENSHOT_LOAD_WAIT = 60
EMAIL_REPORTS_SUBJECT_PREFIX = ""
EMAIL_NOTIFICATIONS = True
ALERT_REPORTS_NOTIFICATION_DRY_RUN = False
SMTP_HOST = _reports.smtp_host
SMTP_PORT = _reports.smtp_port
SMTP_USER = _reports.smtp_user
SMTP_PASSWORD = _reports.smtp_password.get_secret_value()
SMTP_STARTTLS = _reports.smtp_starttls
SMTP_SSL = False
SMTP_MAIL_FROM = _reports.mail_from


class CeleryConfig:
    """Worker and beat; the default broker is a folder, enough for one machine."""

    broker_url = _reports.broker_url
    broker_connection_retry_on_startup = True
    imports = ("superset.sql_lab", "superset.tasks.scheduler")
    result_backend = (_home / "celery" / "results").as_uri() if broker_url == "filesystem://" else None
    broker_transport_options = (
        {
            "data_folder_in": str(_home / "celery" / "queue"),
            "data_folder_out": str(_home / "celery" / "queue"),
            "control_folder": str(_home / "celery" / "control"),
        }
        if broker_url == "filesystem://"
        else {}
    )
    worker_prefetch_multiplier = 1
    task_acks_late = False
    beat_schedule = {  # noqa: RUF012
        "reports.scheduler": {"task": "reports.scheduler", "schedule": crontab(minute="*")},
        "reports.prune_log": {"task": "reports.prune_log", "schedule": crontab(minute=0, hour=3)},
    }


CELERY_CONFIG = CeleryConfig


def FLASK_APP_MUTATOR(app: Flask) -> None:
    """Change what no setting changes, before the first request."""
    keep_aliases_apart()
    fit_phones(app)
    complete_the_russian_pack(app)
    remember_questions(app)
    if _reports.scheduled:
        print_scheduled_dashboards()
