"""What runs leave on the disk of the machine: with one every hour, anything more would fill it."""

from __future__ import annotations

from tests.integration.pipeline.conftest import Company


def test_a_run_leaves_no_temporary_file(company: Company) -> None:
    assert list(company.temporary_folder.iterdir()) == []


def test_of_a_run_that_succeeded_only_the_parsed_project_is_kept(company: Company) -> None:
    assert [path.name for path in (company.home / "dbt").iterdir()] == ["partial_parse.msgpack"]
