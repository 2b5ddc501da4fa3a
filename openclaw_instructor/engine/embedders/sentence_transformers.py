"""Embed with any model of sentence-transformers, for families that our own encoder does not run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from openclaw_instructor import distribution
from openclaw_instructor.engine.embedders.probe import PROBE, RecordFile
from openclaw_instructor.engine.embedders.protocol import SENTENCE_TRANSFORMERS, Role
from openclaw_instructor.errors import CheckpointUnavailable, InvalidCheckpoint, MissingExtra
from openclaw_instructor.model.device import choose_device
from openclaw_instructor.model.instructions import InstructionForm, overridden
from openclaw_instructor.model.known import KNOWN
from openclaw_instructor.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class PromptedText:
    """A text with the prompt before it."""

    text: str
    before: str
    tokens: int
    truncated: bool


class SentenceTransformersEmbedder:
    """The model that `settings.checkpoint` names after `st:`. Code of a checkpoint is never run.

    What has to be known without loading it (dimension, identity) is kept in home from the first time on.
    """

    passes = 1

    def __init__(self, settings: Settings) -> None:
        self.name = settings.checkpoint.removeprefix(SENTENCE_TRANSFORMERS)
        known = KNOWN.get(self.name)
        form = InstructionForm(known.form, dict(known.prompts), known.template) if known else InstructionForm("none")
        self._form = overridden(form, settings.instruction_form, settings.prompts)
        self._settings, self._model = settings, None
        self._file = RecordFile(settings.home, f"{settings.checkpoint} {self._form!r}", 0, self._probe, self.name)

    @property
    def identity(self) -> str:
        """The recorded hash of what determines the model's vectors."""
        return self._file.record.identity

    @property
    def dimension(self) -> int:
        """The number of channels of a vector: as configured, else as the model gives."""
        return self._settings.dimensions or self._file.record.dimension

    @property
    def least_dimension(self) -> int:
        """The smallest dimension to which the vectors may be truncated."""
        known = KNOWN.get(self.name)
        return min([self.dimension, *(known.matryoshka if known else ())])

    @property
    def max_seq_length(self) -> int:
        """The length limit, in tokens; reading it loads the model."""
        return int(self._loaded().max_seq_length or 512)

    def before(self, instruction: str, role: Role) -> str:
        """Return the prefix of a text of this role under a task's instruction."""
        return self._form.before(instruction, role)

    def render(self, before: str, texts: Sequence[str]) -> list[PromptedText]:
        """Pair texts with the prefix `before` and their token counts; note which exceed the length limit."""
        limit = self.max_seq_length
        counts = self._counts([before + text.strip() for text in texts], special=True)
        return [
            PromptedText(text.strip(), before, min(limit, count), count > limit)
            for text, count in zip(texts, counts, strict=True)
        ]

    def count(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text, without an instruction or special tokens."""
        return self._counts(texts, special=False)

    def room(self, instruction: str) -> int:
        """Return how many tokens of a document fit beside an instruction."""
        return max(8, self.max_seq_length - self._counts([self.before(instruction, "document")], special=True)[0])

    def load(self) -> SentenceTransformersEmbedder:
        """Load the model. Raises InvalidCheckpoint when it is another than before."""
        self._loaded()
        self._file.check()
        return self

    def close(self) -> None:
        """Release the loaded model."""
        self._model = None

    def embed(self, prompts: Sequence[PromptedText], batch_tokens: int) -> NDArray[np.float32]:
        """Embed as (n, dimension) float32, L2-normalised."""
        import numpy as np

        parts = []
        for before, some in groupby(prompts, key=lambda prompt: prompt.before):
            texts = [prompt.text for prompt in some]
            size = max(1, batch_tokens // self.max_seq_length)
            parts.append(self._loaded().encode(texts, prompt=before or None, batch_size=size, show_progress_bar=False))
        vectors = np.concatenate(parts).astype(np.float32)[:, : self.dimension]
        if vectors.shape != (len(prompts), self.dimension) or not np.isfinite(vectors).all():
            raise InvalidCheckpoint(f"{self.name} gave vectors of another form or no numbers; nothing was stored")
        unit: NDArray[np.float32] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return unit

    def _counts(self, texts: Sequence[str], *, special: bool) -> list[int]:
        tokenizer = self._loaded().tokenizer
        ids = tokenizer(list(texts), add_special_tokens=special, truncation=False, verbose=False)["input_ids"]
        return [len(each) for each in ids]

    def _probe(self) -> list[float]:
        return [float(number) for number in self._loaded().encode([PROBE], show_progress_bar=False)[0]]

    def _loaded(self) -> Any:
        if self._model is None:
            self._model = self._read()
        return self._model

    def _read(self) -> Any:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError:
            raise MissingExtra(
                f"checkpoint {SENTENCE_TRANSFORMERS}{self.name}: {distribution.pip_line('sentence-transformers')}"
            ) from None
        try:
            return SentenceTransformer(
                self.name,
                device=str(choose_device(self._settings.device)),
                revision=self._settings.revision,
                local_files_only=self._settings.offline,
                trust_remote_code=False,
            )
        except Exception as error:  # the library and its dependencies raise various exceptions
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            raise CheckpointUnavailable(
                f"checkpoint {SENTENCE_TRANSFORMERS}{self.name}: sentence-transformers cannot load it ({reason}); "
                "check the name"
            ) from None
