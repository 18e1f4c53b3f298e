"""The environment becomes settings, or one line that names what is wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from deploy.settings import REPOSITORY, SettingsError, load_settings, read_environment

COMPLETE = {
    "DB_HOST": "crm.example",
    "DB_NAME": "crm",
    "DB_USERNAME": "reader",
    "DB_PASSWORD": "s3cret",
    "CLICKHOUSE_HOST": "warehouse.example",
    "CLICKHOUSE_PASSWORD": "pa55",
}


def test_defaults_fill_what_is_not_set() -> None:
    settings = load_settings(COMPLETE)
    assert (settings.postgres.port, settings.clickhouse.port) == (5432, 8123)
    assert settings.crm_mapping == "demo"
    assert settings.as_of is None
    assert settings.extraction_transport == "auto"


def test_an_unknown_transport_is_refused_by_name() -> None:
    assert load_settings(COMPLETE | {"EXTRACTION_TRANSPORT": "push"}).extraction_transport == "push"
    with pytest.raises(SettingsError, match="EXTRACTION_TRANSPORT"):
        load_settings(COMPLETE | {"EXTRACTION_TRANSPORT": "carrier pigeon"})


@pytest.mark.parametrize("name", COMPLETE)
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is not set"):
        load_settings({key: value for key, value in COMPLETE.items() if key != name})


def test_an_empty_variable_counts_as_unset() -> None:
    with pytest.raises(SettingsError, match="DB_HOST is not set"):
        load_settings(COMPLETE | {"DB_HOST": ""})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PORT", "five"),
        ("DB_PORT", "70000"),
        ("CLICKHOUSE_SECURE", "perhaps"),
        ("CLICKHOUSE_CLUSTER", "two words"),
        ("DBT_THREADS", "0"),
        ("TODAY_REFRESH_SECONDS", "0"),
        ("AS_OF", "2026-03-01T00:00:00"),
        ("DB_SSLMODE", "sometimes"),
    ],
)
def test_a_malformed_variable_is_named_without_its_value(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as caught:
        load_settings(COMPLETE | {name: value})
    assert "\n" not in str(caught.value)


def test_secrets_appear_in_no_error_and_no_representation() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(COMPLETE | {"DB_PORT": "five"})
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in repr(load_settings(COMPLETE))


def test_a_value_may_lie_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("from-file\n", encoding="utf-8")
    given = {key: value for key, value in COMPLETE.items() if key != "DB_PASSWORD"}
    settings = load_settings(given | {"DB_PASSWORD_FILE": str(secret)})
    assert settings.postgres.password.get_secret_value() == "from-file"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"DB_PASSWORD_FILE: cannot read .*nowhere"):
        read_environment({"DB_PASSWORD_FILE": str(tmp_path / "nowhere")})


def test_a_value_and_its_file_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="DB_PASSWORD and DB_PASSWORD_FILE"):
        read_environment(COMPLETE | {"DB_PASSWORD_FILE": str(tmp_path)})


def test_as_of_replaces_the_start_of_the_run() -> None:
    started = datetime(2026, 5, 1, tzinfo=UTC)
    assert load_settings(COMPLETE).run_moment(started) == started
    fixed = load_settings(COMPLETE | {"AS_OF": "2026-03-01T03:00:00+03:00"}).run_moment(started)
    assert fixed == datetime(2026, 3, 1, 3, tzinfo=timezone(timedelta(hours=3)))


def test_the_example_names_every_variable() -> None:
    example = (REPOSITORY / ".env.example").read_text(encoding="utf-8")
    for name in (*COMPLETE, "DB_PORT", "DB_SSLMODE", "CLICKHOUSE_PORT", "CLICKHOUSE_USER", "CLICKHOUSE_SECURE"):
        assert f"\n{name}=" in example
    for name in ("CLICKHOUSE_CLUSTER", "CRM_MAPPING", "DBT_THREADS", "TODAY_REFRESH_SECONDS", "AS_OF"):
        assert f"\n{name}=" in example
    assert "\nEXTRACTION_TRANSPORT=" in example
