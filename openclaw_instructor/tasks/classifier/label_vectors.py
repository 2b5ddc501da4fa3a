"""Keep the embeddings of labels in files, so that a program that has just started does not compute them again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from openclaw_instructor.engine import Engine

# Fewer texts are embedded as fast as a file is found.
_WORTH_KEEPING = 100
_FILES = 16


def embedded(texts: Sequence[str], instruction: str, engine: Engine) -> NDArray[np.float32]:
    """Return the embeddings (texts, dim) of labels' texts, from a file in `label_vectors` of the home if there is one.

    A file is named after the checkpoint, the instruction and the texts, so that it is never out of date; a damaged one
    is made again. Where the home cannot be written to, nothing is kept.
    """
    if len(texts) < _WORTH_KEEPING:
        return engine.embed(texts, instruction).vectors
    named = json.dumps([engine.identity(instruction), *texts])
    path = engine.settings.home / "label_vectors" / f"{hashlib.sha256(named.encode()).hexdigest()[:32]}.npy"
    with contextlib.suppress(OSError, ValueError, EOFError):
        kept = np.load(path, allow_pickle=False)
        if kept.ndim == 2 and len(kept) == len(texts) and kept.dtype == np.float32 and np.isfinite(kept).all():
            return np.asarray(kept)
    vectors = engine.embed(texts, instruction).vectors
    with contextlib.suppress(OSError):
        _keep(path, vectors)
    return vectors


def _keep(path: Path, vectors: NDArray[np.float32]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    others = sorted(path.parent.glob("*.npy"), key=lambda other: other.stat().st_mtime)
    for other in others[: max(0, len(others) - _FILES + 1)]:
        other.unlink(missing_ok=True)
    handle, draft = tempfile.mkstemp(suffix=".draft", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            np.save(file, vectors)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
