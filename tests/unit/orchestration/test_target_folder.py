"""What is left of the folder that dbt works in during a run."""

from __future__ import annotations

from pathlib import Path

from orchestration.dbt_manifest import close_target_folder


def test_the_parsed_project_is_kept_for_the_next_run_and_nothing_else(tmp_path: Path) -> None:
    run = tmp_path / "warehouse_models-1"
    run.mkdir()
    (run / "partial_parse.msgpack").write_text("new")
    (run / "manifest.json").write_text("{}")
    (tmp_path / "partial_parse.msgpack").write_text("old")
    close_target_folder(run)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("partial_parse.msgpack", "new")]


def test_a_run_that_kept_nothing_parsed_leaves_what_there_was(tmp_path: Path) -> None:
    run = tmp_path / "warehouse_models-2"
    run.mkdir()
    (tmp_path / "partial_parse.msgpack").write_text("old")
    close_target_folder(run)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]
