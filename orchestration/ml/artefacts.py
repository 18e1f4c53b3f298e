"""Keeps trained models in a folder or an object store: JSON files with a manifest of their hashes, never a pickle.

An artefact is a folder named by its content, so it is never overwritten. Whoever wrote it keeps the hash of its
manifest elsewhere (`ml.trained_models`); what does not match that hash, or the hashes in the manifest, is not read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import fsspec

_MANIFEST = "manifest.json"


class ArtefactRefused(Exception):
    """An artefact is missing, or is not what was written; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Artefact:
    """Where an artefact lies below the root, and the hash of its manifest."""

    address: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ArtefactStore:
    """A root folder, or an address that fsspec knows (`s3://bucket/models` where s3fs is installed)."""

    root: str

    def put(self, kind: str, tenant: str, day: str, files: Mapping[str, Mapping[str, Any]]) -> Artefact:
        """Write JSON values under the names of their files, and return where they lie.

        Raises:
            OSError, ImportError: the root cannot be written to, or the package for its scheme is missing.
        """
        written = {name: _text(content) for name, content in files.items()}
        manifest = _text(
            {"kind": kind, "tenant_id": tenant, "files": {name: _hash(text) for name, text in written.items()}}
        )
        sha256 = _hash(manifest)
        address = "/".join((quote(kind, safe=""), quote(tenant, safe=""), f"{day}-{sha256[:16]}"))
        system, root = fsspec.url_to_fs(self.root)
        system.makedirs(f"{root}/{address}", exist_ok=True)
        # The manifest comes last: an artefact without one was broken off.
        for name, text in (*written.items(), (_MANIFEST, manifest)):
            system.pipe_file(f"{root}/{address}/{name}", text)
        return Artefact(address, sha256)

    def get(self, artefact: Artefact) -> dict[str, Any]:
        """Return the files' values by name.

        Raises:
            ArtefactRefused: the artefact is missing or was changed.
        """
        manifest = self._read(artefact, _MANIFEST)
        self._check(artefact, _MANIFEST, manifest, artefact.sha256)
        found = {}
        for name, sha256 in json.loads(manifest)["files"].items():
            text = self._read(artefact, name)
            self._check(artefact, name, text, sha256)
            found[name] = json.loads(text)
        return found

    def _read(self, artefact: Artefact, name: str) -> bytes:
        system, root = fsspec.url_to_fs(self.root)
        try:
            return bytes(system.cat_file(f"{root}/{artefact.address}/{name}"))
        except FileNotFoundError:
            raise ArtefactRefused(
                f"{artefact.address}/{name} is not in {self.root}: set ML_ARTEFACTS to where it lies, or train again"
            ) from None

    def _check(self, artefact: Artefact, name: str, text: bytes, expected: str) -> None:
        if _hash(text) != expected:
            raise ArtefactRefused(
                f"{artefact.address}/{name} in {self.root} is not what was written there: its hash differs. It is not "
                "read; find out who changed it, then train again"
            )


def _text(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False).encode()


def _hash(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()
