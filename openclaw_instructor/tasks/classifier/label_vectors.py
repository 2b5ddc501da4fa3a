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

from openclaw_instructor.tasks.classifier import packaged_vectors

if TYPE_CHECKING:
    from openclaw_instructor.engine import Engine

# Fewer texts are embedded as fast as a file is found.
_WORTH_KEEPING = 100
_FILES = 16


def embedded(texts: Sequence[str], instruction: str, engine: Engine) -> NDArray[np.float32]:
    """Return the embeddings (texts, dim) of labels' texts; those of packaged labels come with the package.

    Others are kept in a file in `label_vectors` of the home, if they are many. It is named after the checkpoint, the
    instruction and the texts, so that it is never out of date; a damaged one is made again. Where the home cannot be
    written to, nothing is kept.
    """
    identity = engine.identity(instruction)
    packaged = packaged_vectors.known(texts, identity)
    if not packaged:
        return _kept_or_made(texts, instruction, engine, identity)
    vectors = np.empty((len(texts), engine.dimension), np.float32)
    vectors[list(packaged)] = list(packaged.values())
    if other := [place for place in range(len(texts)) if place not in packaged]:
        vectors[other] = _kept_or_made([texts[place] for place in other], instruction, engine, identity)
    return vectors


def _kept_or_made(texts: Sequence[str], instruction: str, engine: Engine, identity: str) -> NDArray[np.float32]:
    if len(texts) < _WORTH_KEEPING:
        return engine.embed(texts, instruction).vectors
    named = json.dumps([identity, *texts])
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
