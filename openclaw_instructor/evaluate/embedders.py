"""Wrap what can be measured: anything with a name and `embed(texts, instruction, role)`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from openclaw_instructor.errors import InvalidData
from openclaw_instructor.evaluate.extras import need

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from openclaw_instructor.model.instructor import INSTRUCTOR

TEACHER = "sentence-transformers:"
Progress = Callable[[int], Any]


@dataclass(frozen=True)
class Embedded:
    """vectors (n, dimension) float32, L2-normalised; `truncated`: how many of the texts were cut."""

    vectors: NDArray[np.float32]
    truncated: int


@runtime_checkable
class Embedder(Protocol):
    """The protocol of a model for `evaluate()`; implement it to measure any model, also during training."""

    name: str

    def embed(self, texts: Sequence[str], instruction: str, role: str) -> Embedded:
        """Embed texts; `role` is "query", "document" or "text"."""
        ...


class InstructorEmbedder:
    """A checkpoint of this package: `mini`, a folder, a hub id, or a loaded INSTRUCTOR."""

    def __init__(
        self,
        model: str | Path | INSTRUCTOR,
        *,
        name: str | None = None,
        device: str | None = None,
        dtype: str = "auto",
        revision: str | None = None,
        offline: bool = False,
    ) -> None:
        from openclaw_instructor.model.instructor import INSTRUCTOR

        if isinstance(model, (str, Path)):
            model = INSTRUCTOR(model, device, dtype, revision=revision, offline=offline)
        self.model = model
        self.name = name or model.checkpoint.name
        self.identity = f"{model.checkpoint.identity}:{model.dtype}"

    def embed(self, texts: Sequence[str], instruction: str, role: str) -> Embedded:
        """Embed texts under the instruction; `role` does not matter."""
        prompts = self.model.prompter.render(instruction, texts)
        return Embedded(self.model.embed(prompts), sum(prompt.truncated for prompt in prompts))


class TeacherEmbedder:
    """Any sentence-transformers model. It gets the texts as it was trained to: with its own prompts, not ours."""

    def __init__(self, path: str, *, name: str | None = None, device: str | None = None, offline: bool = False) -> None:
        library = need("sentence_transformers", "train")
        try:
            self.model = library.SentenceTransformer(path, device=device, local_files_only=offline)
        except (OSError, ValueError) as error:
            first = str(error).splitlines()[0]
            raise InvalidData(
                f"teacher {path}: cannot be loaded ({first}); give a sentence-transformers folder"
            ) from None
        self.name = name or path
        weights = Path(path) / "model.safetensors"
        self.identity = f"{path}:{weights.stat().st_mtime_ns if weights.is_file() else ''}"

    def embed(self, texts: Sequence[str], instruction: str, role: str) -> Embedded:
        """Embed texts with the model's own prompt for `role`; the instruction does not matter."""
        encode = {"query": self.model.encode_query, "document": self.model.encode_document}.get(role, self.model.encode)
        # Equal texts are embedded once, because padding makes the last digits depend on the other texts of the batch.
        unique = {text: index for index, text in enumerate(dict.fromkeys(texts))}
        vectors = encode(list(unique), batch_size=64, normalize_embeddings=True, show_progress_bar=False)
        limit = self.model.max_seq_length or 0
        lengths = self.model.tokenizer(list(texts), truncation=False, verbose=False)["input_ids"]
        truncated = sum(len(ids) > limit for ids in lengths) if limit else 0
        return Embedded(vectors[[unique[text] for text in texts]], truncated)


class CachedEmbedder:
    """Keeps another embedder's vectors in a folder, under its identity, the instruction and the texts."""

    def __init__(self, inner: Embedder, folder: Path) -> None:
        self.inner, self.folder, self.name = inner, folder, inner.name
        # Vectors of an object without an identity are not cached, because it may change between calls.
        self.identity: str | None = getattr(inner, "identity", None)

    def embed(self, texts: Sequence[str], instruction: str, role: str) -> Embedded:
        """Return the stored vectors, or the other embedder's."""
        import numpy as np

        if self.identity is None:
            return self.inner.embed(texts, instruction, role)
        key = hashlib.sha256("\0".join((self.identity, instruction, role, *texts)).encode("utf-8", "replace"))
        path = self.folder / f"{key.hexdigest()[:32]}.npz"
        if path.is_file():
            with np.load(path) as kept:
                return Embedded(kept["vectors"], int(kept["truncated"]))
        made = self.inner.embed(texts, instruction, role)
        self.folder.mkdir(parents=True, exist_ok=True)
        with (new := path.with_suffix(".new")).open("wb") as file:
            np.savez(file, vectors=made.vectors, truncated=made.truncated)
        new.replace(path)
        return made


def open_embedder(
    model: str | Path | Embedder | INSTRUCTOR,
    *,
    device: str | None = None,
    dtype: str = "auto",
    revision: str | None = None,
    offline: bool = False,
) -> Embedder:
    """Open `mini`, a folder, a hub id or `sentence-transformers:PATH`; an INSTRUCTOR or Embedder is taken as it is.

    `revision` is that of a hub id. Raises InvalidData for anything else.
    """
    if isinstance(model, str) and model.startswith(TEACHER):
        return TeacherEmbedder(model.removeprefix(TEACHER), device=device, offline=offline)
    if isinstance(model, (str, Path)):
        return InstructorEmbedder(model, device=device, dtype=dtype, revision=revision, offline=offline)
    if isinstance(model, Embedder) and isinstance(getattr(model, "name", None), str):
        return model
    from openclaw_instructor.model.instructor import INSTRUCTOR

    if isinstance(model, INSTRUCTOR):
        return InstructorEmbedder(model)
    raise InvalidData(f"{model!r} cannot be measured; give a checkpoint name, an INSTRUCTOR, or an object with .embed")
