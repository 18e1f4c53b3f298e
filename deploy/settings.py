"""Reads the environment once into one typed, immutable settings object.

Every variable a process of this project understands is declared here and in `.env.example`, nowhere else. Opening a
connection with these settings belongs in `deploy.connections`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeVar

from dotenv import dotenv_values
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, ValidationError

REPOSITORY = Path(__file__).resolve().parent.parent


class SettingsError(Exception):
    """A missing or malformed setting; the message is one line that names the variable and what to do."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="ignore")


_AnySection = TypeVar("_AnySection", bound=_Section)


class PostgresSettings(_Section):
    """Where the CRM's PostgreSQL answers and as whom we read it."""

    host: str = Field(alias="DB_HOST", min_length=1)
    port: int = Field(alias="DB_PORT", default=5432, ge=1, le=65535)
    database: str = Field(alias="DB_NAME", min_length=1)
    username: str = Field(alias="DB_USERNAME", min_length=1)
    password: SecretStr = Field(alias="DB_PASSWORD")
    sslmode: str = Field(
        alias="DB_SSLMODE", default="prefer", pattern="^(disable|allow|prefer|require|verify-ca|verify-full)$"
    )


class ClickHouseSettings(_Section):
    """Where the warehouse answers the ClickHouse HTTP interface and as whom we write it.

    `cluster` names the ClickHouse cluster on all of whose replicas tables are made; empty: a single server.
    """

    host: str = Field(alias="CLICKHOUSE_HOST", min_length=1)
    port: int = Field(alias="CLICKHOUSE_PORT", default=8123, ge=1, le=65535)
    username: str = Field(alias="CLICKHOUSE_USER", default="default", min_length=1)
    password: SecretStr = Field(alias="CLICKHOUSE_PASSWORD")
    secure: bool = Field(alias="CLICKHOUSE_SECURE", default=False)
    cluster: str = Field(alias="CLICKHOUSE_CLUSTER", default="", pattern=r"^[A-Za-z0-9_.-]*$")

    def environment(self) -> dict[str, str]:
        """Return the variables that lead a child process here; the password is among them in plain text."""
        return {
            "CLICKHOUSE_HOST": self.host,
            "CLICKHOUSE_PORT": str(self.port),
            "CLICKHOUSE_USER": self.username,
            "CLICKHOUSE_PASSWORD": self.password.get_secret_value(),
            "CLICKHOUSE_SECURE": str(self.secure).lower(),
            "CLICKHOUSE_CLUSTER": self.cluster,
        }


class SupersetSettings(_Section):
    """How Superset runs, whom it lets in, and as whom it reads the warehouse.

    `metadata_uri` is the SQLAlchemy address of Superset's own database. `crm_jwt_secret` is shared with the CRM, which
    signs its single sign-on tokens with it; `guest_token_secret` signs the tokens of embedded pages, which only this
    project mints. After each build Superset asks again what readers have asked lately, for `warm_up_seconds` at most.
    `allowed_origins` are the origins, comma separated, of pages that may embed dashboards.
    """

    port: int = Field(alias="SUPERSET_PORT", default=8006, ge=1, le=65535)
    public_url: str = Field(alias="SUPERSET_PUBLIC_URL", default="", pattern=r"^(https?://[^/]+)?$")
    workers: int = Field(alias="SUPERSET_WORKERS", default=2, ge=1, le=32)
    warm_up_seconds: int = Field(alias="SUPERSET_WARM_UP_SECONDS", default=600, ge=0)
    language: Literal["en", "ru"] = Field(alias="SUPERSET_LANGUAGE", default="en")
    secret_key: SecretStr = Field(alias="SUPERSET_SECRET_KEY", min_length=32)
    metadata_uri: SecretStr = Field(alias="SUPERSET_METADATA_URI", min_length=1)
    admin_password: SecretStr = Field(alias="SUPERSET_ADMIN_PASSWORD", min_length=12)
    crm_jwt_secret: SecretStr = Field(alias="CRM_JWT_SECRET", min_length=32)
    crm_jwt_issuer: str = Field(alias="CRM_JWT_ISSUER", default="crm", min_length=1)
    guest_token_secret: SecretStr = Field(alias="SUPERSET_GUEST_TOKEN_SECRET", min_length=32)
    allowed_origins: str = Field(
        alias="SUPERSET_ALLOWED_ORIGINS", default="", pattern=r"^(https?://[^/,\s;]+(,\s*https?://[^/,\s;]+)*)?$"
    )
    warehouse_host: str = Field(alias="CLICKHOUSE_HOST", min_length=1)
    warehouse_port: int = Field(alias="CLICKHOUSE_PORT", default=8123, ge=1, le=65535)
    warehouse_secure: bool = Field(alias="CLICKHOUSE_SECURE", default=False)
    reader: str = Field(alias="CLICKHOUSE_READER_USER", default="superset", min_length=1)
    reader_password: SecretStr = Field(alias="CLICKHOUSE_READER_PASSWORD")

    @property
    def address(self) -> str:
        """Where people and browsers find it, without a path."""
        return self.public_url or f"http://127.0.0.1:{self.port}"

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins that may embed dashboards."""
        return tuple(origin.strip() for origin in self.allowed_origins.split(",") if origin.strip())


class ReportSettings(_Section):
    """How reports leave Superset: scheduled mails, the browser that draws them."""

    scheduled: bool = Field(alias="SUPERSET_REPORTS", default=False)
    broker_url: str = Field(alias="SUPERSET_BROKER_URL", default="filesystem://", min_length=1)
    smtp_host: str = Field(alias="SMTP_HOST", default="127.0.0.1", min_length=1)
    smtp_port: int = Field(alias="SMTP_PORT", default=25, ge=1, le=65535)
    smtp_user: str = Field(alias="SMTP_USER", default="")
    smtp_password: SecretStr = Field(alias="SMTP_PASSWORD", default=SecretStr(""))
    smtp_starttls: bool = Field(alias="SMTP_STARTTLS", default=False)
    mail_from: str = Field(alias="SMTP_MAIL_FROM", default="analytics@localhost", min_length=3)
    chromium: str = Field(alias="CHROMIUM_PATH", default="")
    chromedriver: str = Field(alias="CHROMEDRIVER_PATH", default="")


class Settings(_Section):
    """Everything the pipeline reads from its environment.

    `as_of` is the moment that "now" means to a run (open deals' rates, days in stage, overdue tasks); None means the
    run's own start. `crm_mapping` is the name of a shipped mapping (`demo`) or the path of one's own YAML file.
    `extraction_transport` says who carries the CRM's rows: this process (push), ClickHouse itself (pull), or, by auto,
    this process those of large tables as a whole and ClickHouse all others wherever it can. `today_refresh_seconds` is
    how often the view of today reads the replicas again. `ml_processes` models are computed at once; `ml_plan` says how
    many series are forecast and by how many candidates; trained models lie in `ml_artefacts`, a folder or an address
    that fsspec knows (empty: in the local home).
    """

    postgres: PostgresSettings
    clickhouse: ClickHouseSettings
    crm_mapping: str = Field(alias="CRM_MAPPING", default="demo", min_length=1)
    extraction_transport: Literal["auto", "push", "pull"] = Field(alias="EXTRACTION_TRANSPORT", default="auto")
    as_of: AwareDatetime | None = Field(alias="AS_OF", default=None)
    dbt_threads: int = Field(alias="DBT_THREADS", default=4, ge=1, le=64)
    today_refresh_seconds: int = Field(alias="TODAY_REFRESH_SECONDS", default=15, ge=1, le=86400)
    ml_processes: int = Field(alias="ML_PROCESSES", default=2, ge=1, le=64)
    ml_plan: Literal["full", "quick"] = Field(alias="ML_PLAN", default="full")
    ml_artefacts: str = Field(alias="ML_ARTEFACTS", default="")

    def run_moment(self, run_start: datetime) -> datetime:
        """Return the moment that "now" means to a run that started at `run_start`."""
        return self.as_of or run_start


def read_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables of `environ`, completed by `.env` in the working folder, with every `NAME_FILE` resolved.

    The process environment wins over `.env`. With `environ` given, `.env` is not read. An empty value counts as unset,
    since container platforms pass unset variables on as empty strings.

    Raises:
        SettingsError: a `NAME_FILE` points at a file that cannot be read, or `NAME` and `NAME_FILE` are both set.
    """
    if environ is None:
        from_file = {name: value for name, value in dotenv_values(".env").items() if value is not None}
        environ = {**from_file, **os.environ}
    variables = {name: value for name, value in environ.items() if value != ""}
    for field_name in _variable_names():
        pointer = f"{field_name}_FILE"
        if pointer not in variables:
            continue
        if field_name in variables:
            raise SettingsError(f"{field_name} and {pointer} are both set: keep one of them")
        try:
            variables[field_name] = Path(variables[pointer]).read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            raise SettingsError(f"{pointer}: cannot read {variables[pointer]}: {error.strerror}") from error
    return variables


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Return the validated settings.

    Raises:
        SettingsError: one line naming every missing or malformed variable. Values are not repeated: they may be secret.
    """
    variables = read_environment(environ)
    try:
        return Settings.model_validate({**variables, "postgres": variables, "clickhouse": variables})
    except ValidationError as error:
        raise SettingsError(_one_line(error)) from None


def load_postgres_settings(environ: Mapping[str, str] | None = None) -> PostgresSettings:
    """Return only the CRM's settings, for programs that never open the warehouse. Raises SettingsError."""
    return _load(PostgresSettings, environ)


def load_clickhouse_settings(environ: Mapping[str, str] | None = None) -> ClickHouseSettings:
    """Return only the warehouse's settings, for programs that never open the CRM. Raises SettingsError."""
    return _load(ClickHouseSettings, environ)


def load_superset_settings(environ: Mapping[str, str] | None = None) -> SupersetSettings:
    """Return the settings of Superset. Raises SettingsError."""
    return _load(SupersetSettings, environ)


def load_report_settings(environ: Mapping[str, str] | None = None) -> ReportSettings:
    """Return the settings of reports that leave Superset. Raises SettingsError."""
    return _load(ReportSettings, environ)


def _load(section: type[_AnySection], environ: Mapping[str, str] | None) -> _AnySection:
    try:
        return section.model_validate(read_environment(environ))
    except ValidationError as error:
        raise SettingsError(_one_line(error)) from None


def _variable_names() -> list[str]:
    sections: tuple[type[_Section], ...] = (
        PostgresSettings,
        ClickHouseSettings,
        SupersetSettings,
        ReportSettings,
        Settings,
    )
    return [field.alias for section in sections for field in section.model_fields.values() if field.alias]


def _one_line(error: ValidationError) -> str:
    problems = []
    for detail in error.errors(include_input=False, include_url=False):
        name = str(detail["loc"][-1])
        problems.append(f"{name} is not set" if detail["type"] == "missing" else f"{name}: {detail['msg']}")
    return "; ".join(problems) + " (see .env.example)"
