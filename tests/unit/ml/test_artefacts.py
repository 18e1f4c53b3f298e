"""A trained model is read only if it is what was written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestration.ml.artefacts import Artefact, ArtefactRefused, ArtefactStore

_MODEL = {"weights": [0.5, -1.25], "имя": "отток"}


@pytest.fixture
def kept(tmp_path: Path) -> tuple[ArtefactStore, Artefact, Path]:
    store = ArtefactStore(str(tmp_path))
    artefact = store.put("churn", "tenant/../1", "2026-03-10", {"model.json": _MODEL})
    return store, artefact, tmp_path / artefact.address


def test_what_was_written_is_read(kept: tuple[ArtefactStore, Artefact, Path]) -> None:
    store, artefact, folder = kept
    assert store.get(artefact) == {"model.json": _MODEL}
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "model.json"]
    assert store.put("churn", "tenant/../1", "2026-03-10", {"model.json": _MODEL}) == artefact


def test_a_tenants_id_never_leaves_the_folder(kept: tuple[ArtefactStore, Artefact, Path]) -> None:
    store, artefact, _ = kept
    assert ".." not in artefact.address.split("/")
    assert list(Path(store.root).parent.glob("2026-03-10*")) == []


def test_a_changed_model_is_refused(kept: tuple[ArtefactStore, Artefact, Path]) -> None:
    store, artefact, folder = kept
    text = (folder / "model.json").read_text(encoding="utf-8")
    (folder / "model.json").write_text(text.replace("0.5", "0.6"), encoding="utf-8")
    with pytest.raises(ArtefactRefused, match=r"model\.json .* hash differs"):
        store.get(artefact)


def test_a_manifest_that_fits_a_changed_model_is_refused_too(kept: tuple[ArtefactStore, Artefact, Path]) -> None:
    store, artefact, _ = kept
    other = store.put("churn", "tenant/../1", "2026-03-10", {"model.json": {"weights": [9]}})
    with pytest.raises(ArtefactRefused, match=r"manifest\.json .* hash differs"):
        store.get(replace(artefact, address=other.address))


def test_a_missing_model_is_told_with_what_to_do(kept: tuple[ArtefactStore, Artefact, Path]) -> None:
    store, artefact, _ = kept
    with pytest.raises(ArtefactRefused, match="set ML_ARTEFACTS to where it lies, or train again"):
        store.get(replace(artefact, address="churn/nobody/2026"))
