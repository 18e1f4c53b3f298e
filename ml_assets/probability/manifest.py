"""A stored model: plain JSON values with a hash over them. No pickle, no code, nothing about what a model means."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

FORMAT = 1
_HASH = "sha256"


def signed(content: Mapping[str, Any]) -> dict[str, Any]:
    """Add the format and the hash; the content must consist of JSON values."""
    whole = {**content, "format": FORMAT}
    return {**whole, _HASH: _digest(whole)}


def verified(manifest: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return the content.

    Raises:
        ValueError: the manifest is of another kind or format, or was changed since it was signed.
    """
    content = {name: value for name, value in manifest.items() if name != _HASH}
    if content.get("kind") != kind or content.get("format") != FORMAT:
        raise ValueError(
            f"the manifest is of kind {content.get('kind')!r}, format {content.get('format')!r}: "
            f"a {kind!r} of format {FORMAT} is needed; train the model again"
        )
    if manifest.get(_HASH) != _digest(content):
        raise ValueError(f"the {kind} manifest does not match its hash: it was changed or cut; train the model again")
    return content


def _digest(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def data_hash(*parts: pd.DataFrame | np.ndarray[Any, Any]) -> str:
    """Of prepared frames and arrays, index included: the same rows in the same order give the same hash."""
    digest = hashlib.sha256()
    for part in parts:
        frame = part if isinstance(part, pd.DataFrame) else pd.DataFrame(part)
        digest.update("\x1f".join(map(str, frame.columns)).encode())
        digest.update(pd.util.hash_pandas_object(frame, index=True).to_numpy().tobytes())
    return digest.hexdigest()
