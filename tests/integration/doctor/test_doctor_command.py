"""The command as a person and CI meet it: exit codes, both forms, both languages, no ClickHouse anywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.settings import REPOSITORY, PostgresSettings
from orchestration.doctor.diagnosis import Report
from orchestration.extraction.canonical import CANONICAL_TABLES
from tests.integration.doctor.clinic import AS_OF, Clinic
from tests.integration.doctor.plain_crm import healthy, insert, plain_mapping


def run(settings: PostgresSettings | None, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command with nothing but the CRM in its environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DB_", "CLICKHOUSE_"))}
    if settings is not None:
        environment |= {
            "DB_HOST": settings.host,
            "DB_PORT": str(settings.port),
            "DB_NAME": settings.database,
            "DB_USERNAME": settings.username,
            "DB_PASSWORD": settings.password.get_secret_value(),
        }
    return subprocess.run(
        [sys.executable, "-m", "orchestration", "doctor", *arguments],
        cwd=REPOSITORY,
        env={**environment, "AS_OF": AS_OF.isoformat(), **variables},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_person_reads_what_matters_and_nothing_personal(
    demo: Clinic, demo_database: PostgresSettings, language: str
) -> None:
    result = run(demo_database, "--language", language)
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    assert "deals: " in result.stderr
    expected = {
        "en": ("won deals without a close date: ", "Sales by month: usable with limits", "errors: 0, warnings: "),
        "ru": ("выигранные сделки без даты закрытия: ", "Продажи по месяцам: с ограничениями", "ошибок: 0, "),
    }[language]
    for text in expected:
        assert text in result.stdout
    for table in CANONICAL_TABLES:
        assert table in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 140
    personal = "select full_name from users union select title from deals union select name from companies"
    names = {name for (name,) in demo.crm.execute(personal).fetchall() if name}
    assert len(names) > 100
    assert not [name for name in names if name in result.stdout + result.stderr]


def test_a_program_reads_the_same_as_json(demo_database: PostgresSettings) -> None:
    documents = {}
    for language in ("en", "ru"):
        result = run(demo_database, "--format", "json", "--language", language, "--mapping", "demo")
        documents[language] = json.loads(result.stdout)
    english, russian = documents["en"], documents["ru"]
    assert [table["table"] for table in english["tables"]] == list(CANONICAL_TABLES)
    assert [report["report"] for report in english["reports"]] == [report.value for report in Report]
    assert english["exit_code"] == 0
    facts = ("code", "severity", "table", "rows", "of", "share", "example", "values", "detail", "not_mapped")
    assert [[finding[fact] for fact in facts] for finding in english["findings"]] == [
        [finding[fact] for fact in facts] for finding in russian["findings"]
    ]
    assert all(
        finding["title"] != other["title"]
        for finding, other in zip(english["findings"], russian["findings"], strict=True)
    )


def test_ci_gets_1_for_what_would_fail_a_run(clinic: Clinic, empty_postgres: PostgresSettings, tmp_path: Path) -> None:
    healthy(clinic.crm)
    mapping = tmp_path / "clinic.yaml"
    mapping.write_text(plain_mapping(), encoding="utf-8")
    result = run(empty_postgres, CRM_MAPPING=str(mapping))
    assert (result.returncode, "nothing to report" in result.stdout) == (0, True)
    insert(clinic.crm, "deals", {"id": "2", "stage_id": "old"})
    result = run(empty_postgres, "--mapping", str(mapping))
    assert result.returncode == 1
    assert "main / old: 1" in result.stdout
    assert "Sales funnel: would fail or be wrong" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "variables", "message"),
    [
        ((), {"DB_HOST": ""}, "error: DB_HOST is not set"),
        ((), {"DB_PORT": "1"}, "error: PostgreSQL at 127.0.0.1:1"),
        ((), {"DB_PASSWORD": "wrong"}, "error: PostgreSQL at "),
        ((), {"AS_OF": "yesterday"}, "error: AS_OF: "),
        (("--mapping", "nowhere.yaml"), {}, "error: nowhere.yaml: No such file or directory"),
        (("--timeout", "0"), {}, "argument --timeout: invalid"),
    ],
)
def test_2_says_that_it_could_not_run(
    empty_postgres: PostgresSettings, arguments: tuple[str, ...], variables: dict[str, str], message: str
) -> None:
    result = run(empty_postgres, *arguments, **variables)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert empty_postgres.password.get_secret_value() not in result.stderr
