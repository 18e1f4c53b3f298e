"""Reads what models and columns declare out of dbt's manifest; a malformed declaration becomes a mistake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from catalogue.declaration import ColumnDeclared, ModelDeclared
from catalogue.mistakes import Mistake

_Declared = TypeVar("_Declared", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class ColumnRead:
    """A column of a model: what dbt knows of it and what it says of itself."""

    name: str
    data_type: str
    description: str
    declared: ColumnDeclared


@dataclass(frozen=True, slots=True)
class ModelRead:
    """A model: what dbt knows of it and what it says of itself.

    Attributes:
        file: that declares it, relative to the dbt project.
        folder: below `models`.
        columns: by name; empty where the model has no title.
    """

    name: str
    file: str
    folder: str
    database: str
    description: str
    declared: ModelDeclared
    columns: Mapping[str, ColumnRead]

    def mistake(self, place: str, what: str, remedy: str) -> Mistake:
        """Return a mistake of this model."""
        return Mistake(self.file, self.name, place, what, remedy)


def read_models(manifest: Mapping[str, Any], mistakes: list[Mistake]) -> dict[str, ModelRead]:
    """Return the models that declare something, by name; add what cannot be read to the mistakes."""
    nodes = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    read = (_read_model(node, mistakes) for node in nodes if _meta(node) or _is_report(node))
    return {model.name: model for model in read if model is not None}


def _read_model(node: Mapping[str, Any], mistakes: list[Mistake]) -> ModelRead | None:
    declared = _read(ModelDeclared, node, "", _meta(node), mistakes)
    if declared is None:
        return None
    columns = dict(_read_columns(node, mistakes)) if declared.title or _is_report(node) else {}
    return ModelRead(
        name=node["name"],
        file=_file(node),
        folder=str(PurePosixPath(node["original_file_path"]).parent.relative_to("models")),
        database=node["schema"],
        description=node["description"],
        declared=declared,
        columns=columns,
    )


def _read_columns(node: Mapping[str, Any], mistakes: list[Mistake]) -> Iterator[tuple[str, ColumnRead]]:
    for name, column in node["columns"].items():
        declared = _read(ColumnDeclared, node, name, column.get("config", {}).get("meta", {}), mistakes)
        if declared:
            yield name, ColumnRead(name, column["data_type"] or "", column["description"], declared)


def _read(
    kind: type[_Declared], node: Mapping[str, Any], column: str, meta: Mapping[str, Any], mistakes: list[Mistake]
) -> _Declared | None:
    try:
        return kind.model_validate(meta)
    except ValidationError as error:
        for found in error.errors():
            place = ".".join(part for part in (column, "meta", *map(str, found["loc"])) if part)
            mistakes.append(Mistake(_file(node), node["name"], place, *_explained(kind, found)))
        return None


def _explained(kind: type[BaseModel], found: Any) -> tuple[str, str]:
    """Return what is wrong with a key, and what to do."""
    key = found["loc"][-1] if found["loc"] else ""
    if found["type"] == "missing":
        return "is missing", f"declare {key}"
    if found["type"] == "extra_forbidden":
        known = ", ".join(kind.model_fields) if len(found["loc"]) == 1 else "docs/analysts.md lists the keys"
        return "is no key of the catalogue", f"correct its spelling or remove it; keys here: {known}"
    return f"{found['input']!r} does not fit: {found['msg'].lower()}", "correct the value"


def _is_report(node: Mapping[str, Any]) -> bool:
    return str(node["original_file_path"]).startswith("models/marts/reports/")


def _meta(node: Mapping[str, Any]) -> Mapping[str, Any]:
    meta: Mapping[str, Any] = node["config"].get("meta", {})
    return meta


def _file(node: Mapping[str, Any]) -> str:
    return str(node["patch_path"] or node["original_file_path"]).split("://")[-1]
