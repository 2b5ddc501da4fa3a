"""Compute a teacher's vectors once and keep them: any sentence-transformers folder, a float16 file per block."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from openclaw_instructor import distribution
from openclaw_instructor.errors import MissingExtra

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK = 20_000


class Teacher:
    """Wraps a sentence-transformers model. Raises MissingExtra without the `train` extra."""

    def __init__(self, folder: str | Path) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError:
            raise MissingExtra(f"a teacher needs sentence-transformers: {distribution.pip_line('train')}") from None
        self.folder = Path(folder)
        self.model = SentenceTransformer(str(folder))
        self.tokenizer_file = self.folder / "tokenizer.json"

    def vectors(
        self, texts: Sequence[str], cache: Path, on_progress: Callable[[int], Any] | None = None
    ) -> NDArray[np.float16]:
        """Embed texts as (texts, dimension) float16, L2-normalised; blocks that are in `cache` are read from there."""
        cache.mkdir(parents=True, exist_ok=True)
        blocks = []
        for start in range(0, len(texts), BLOCK):
            block = list(texts[start : start + BLOCK])
            path = cache / f"{self._digest(block)}.npy"
            if not path.exists():
                vectors = self.model.encode(block, batch_size=64, normalize_embeddings=True).astype(np.float16)
                new = path.with_suffix(".new.npy")
                np.save(new, vectors)
                new.replace(path)
            blocks.append(np.load(path, mmap_mode="r"))
            if on_progress:
                on_progress(len(block))
        return np.concatenate(blocks)

    @property
    def network(self) -> Any:
        """Return the transformers model under the pooling."""
        return self.model[0].auto_model

    @property
    def tokenizer(self) -> Any:
        """The transformers tokenizer."""
        return self.model[0].tokenizer

    def _digest(self, texts: Sequence[str]) -> str:
        digest = hashlib.sha256(str(self.folder.name).encode())
        for text in texts:
            digest.update(text.encode() + b"\0")
        return digest.hexdigest()[:32]
