"""The embeddings of the packaged labels by the bundled checkpoint, so that the first mail need not wait for them.

They lie beside this file, each under the hash of its text, all under the identity of checkpoint and instruction: what
was edited, another checkpoint and another instruction are not found in it. `python -m
openclaw_instructor.tasks.classifier.packaged_vectors` makes the file; with `--check` it only says whether it is
complete.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FILE = Path(__file__).with_name("packaged_vectors.npz")
# Coarser than int8 allows, because the file is compressed: a vector keeps a cosine of 0.9997 with itself.
_STEP = 1 / 320


@lru_cache(maxsize=2)
def _packaged(file: Path) -> tuple[str, dict[bytes, NDArray[np.float32]]]:
    with np.load(file, allow_pickle=False) as kept:
        vectors = kept["vectors"].astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        names = (row.tobytes() for row in kept["texts"])
        return str(kept["identity"]), dict(zip(names, vectors, strict=True))


def known(texts: Sequence[str], identity: str) -> dict[int, NDArray[np.float32]]:
    """Return the embeddings that are packaged by the place of their text; `identity` is the engine's."""
    packaged_identity, vectors = _packaged(FILE)
    if identity != packaged_identity:
        return {}
    named = ((place, vectors.get(_name(text))) for place, text in enumerate(texts))
    return {place: vector for place, vector in named if vector is not None}


def write(identity: str, texts: Sequence[str], vectors: NDArray[np.float32], file: Path = FILE) -> None:
    """Keep embeddings of length 1."""
    names = np.frombuffer(b"".join(map(_name, texts)), np.uint8).reshape(len(texts), -1)
    steps = np.clip(np.round(vectors / _STEP), -127, 127).astype(np.int8)
    np.savez_compressed(file, identity=np.array(identity), texts=names, vectors=steps)


def _name(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:8]


def main() -> None:
    """Make the file, or check it."""
    from openclaw_instructor.engine import Engine
    from openclaw_instructor.registry import Registry
    from openclaw_instructor.registry.kinds.classify import ClassifyTask, texts_of
    from openclaw_instructor.settings import Settings

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only say whether every text is in the file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        settings = Settings.load(Path(home), checkpoint="mini")
        task = Registry.load(settings).get("classify_email")
        assert isinstance(task, ClassifyTask)
        engine = Engine(settings)
        instruction, texts = task.instruction("text", "mini"), texts_of(task.fitted_labels)
        identity = engine.identity(instruction)
        if options.check:
            missing = len(texts) - len(known(texts, identity))
            sys.exit(f"{missing} of {len(texts)} texts are not in {FILE.name}" if missing else 0)
        write(identity, texts, engine.embed(texts, instruction).vectors)
        print(f"{len(texts)} vectors, {FILE.stat().st_size:,} bytes")  # noqa: T201


if __name__ == "__main__":
    main()
