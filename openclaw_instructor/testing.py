"""Test plugins, tasks and agents without a model: an engine whose vectors are hashed words.

    from openclaw_instructor.service import Toolbox
    from openclaw_instructor.testing import WordEngine

    toolbox = Toolbox(home, engine=WordEngine())

Nothing is downloaded or loaded, and importing this imports neither torch nor numpy. The same text gives the same vector
on every machine, texts that share words are near one another, and an instruction changes the vector a little.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from typing_extensions import override

from openclaw_instructor.engine import Embeddings, Engine, Priority
from openclaw_instructor.engine.embedders.protocol import Role
from openclaw_instructor.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TOKEN = re.compile(r"\w+|[^\w\s]")
_SPECIAL_TOKENS = 1
# Words of up to three letters, such as "the", weigh little, and so does the instruction.
_SHORT, _LITTLE = 3, 0.01


@dataclass(frozen=True)
class WordPrompt:
    """A text as the model reads it: its `words` within the length limit, and `tokens` with the instruction's."""

    instruction: str
    text: str
    words: tuple[str, ...]
    tokens: int
    truncated: bool


class WordEmbedder:
    """A model whose vectors are bags of hashed words; an `Embedder`, and the model that it loads, in one.

    A token is a word or a punctuation mark. `places` maps texts to directions instead: a text in it points there, and
    every other one is orthogonal to all of them. `Engine(settings, open_embedder=lambda _: WordEmbedder())` is a real
    engine over it, with its queue, worker and cache.
    """

    def __init__(
        self,
        name: str = "words",
        *,
        dimension: int = 256,
        limit: int = 512,
        places: Mapping[str, Sequence[float]] | None = None,
        passes: int = 1,
    ) -> None:
        self.name = name
        self.places = dict(places or {})
        self.dimension = len(next(iter(self.places.values()))) + 1 if self.places else dimension
        self.least_dimension = self.dimension
        self.max_seq_length = limit
        self.passes = passes

    @property
    def identity(self) -> str:
        """A hash of what determines the vectors."""
        return hashlib.sha256(f"{self.name} {self.dimension} {self.places}".encode()).hexdigest()

    def before(self, instruction: str, role: Role) -> str:
        """Return the instruction, whatever the role."""
        return instruction

    def render(self, before: str, texts: Sequence[str]) -> list[WordPrompt]:
        """Cut each text to the words that fit beside the instruction."""
        room = self.room(before)
        prompts = []
        for text in texts:
            words = _TOKEN.findall(text)
            tokens = min(len(words), room) + self.max_seq_length - room
            prompts.append(WordPrompt(before, text.strip(), tuple(words[:room]), tokens, len(words) > room))
        return prompts

    def count(self, texts: Sequence[str]) -> list[int]:
        """Count the words and marks of each text."""
        return [len(_TOKEN.findall(text)) for text in texts]

    def room(self, instruction: str) -> int:
        """Return how many words and marks fit beside an instruction."""
        return max(0, self.max_seq_length - _SPECIAL_TOKENS - self.count([instruction])[0])

    def load(self) -> WordEmbedder:
        """Return itself: there is nothing to load."""
        return self

    def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def embed(self, prompts: Sequence[WordPrompt], batch_tokens: int) -> NDArray[np.float32]:
        """Embeddings (n, dimension) float32, L2-normalised."""
        import numpy as np

        rows = [self._placed(prompt) if self.places else self._hashed(prompt) for prompt in prompts]
        vectors = np.array(rows, dtype=np.float32).reshape(len(prompts), self.dimension)
        unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit

    def _placed(self, prompt: WordPrompt) -> list[float]:
        place = self.places.get(prompt.text)
        return [0.0] * (self.dimension - 1) + [1.0] if place is None else [*place, 0.0]

    def _hashed(self, prompt: WordPrompt) -> list[float]:
        # A text without words has a vector too.
        vector = [1e-3] * self.dimension
        weights = [(word.casefold(), 1.0 if len(word) > _SHORT else _LITTLE) for word in prompt.words]
        for word, weight in [*weights, (prompt.instruction, _LITTLE)]:
            digest = hashlib.blake2b(f"{self.name}{word}".encode(), digest_size=4).digest()
            number = int.from_bytes(digest, "big")
            vector[number % self.dimension] += weight if number & 0x8000_0000 else -weight
        return vector


class Call(NamedTuple):
    """What was embedded in one call."""

    instruction: str
    texts: list[str]


class WordEngine(Engine):
    """An engine that embeds with a `WordEmbedder` in the caller's thread, and records what it is asked.

    The arguments are the embedder's. `failure` is raised by every call once it is set, such as
    `Busy("full", retry_after=1)`, and `before_embed` is called before each.
    """

    def __init__(
        self,
        name: str = "words",
        *,
        dimension: int = 256,
        limit: int = 512,
        places: Mapping[str, Sequence[float]] | None = None,
        settings: Settings | None = None,
    ) -> None:
        self.words = WordEmbedder(name, dimension=dimension, limit=limit, places=places)
        super().__init__(settings or Settings.load(), open_embedder=lambda _: self.words)
        self.calls: list[Call] = []
        self.failure: Exception | None = None
        self.before_embed: Callable[[], None] = lambda: None

    @property
    def texts(self) -> list[str]:
        """All texts that were embedded, in order."""
        return [text for call in self.calls for text in call.texts]

    @property
    @override
    def loaded(self) -> bool:
        return bool(self.calls)

    @override
    def embed(
        self,
        texts: Sequence[str],
        instruction: str = "",
        *,
        role: Role = "text",
        priority: Priority = Priority.INTERACTIVE,
        on_progress: Callable[[int, int], Any] | None = None,
        timeout: float | None = None,
    ) -> Embeddings:
        self.before_embed()
        if self.failure is not None:
            raise self.failure
        self.calls.append(Call(instruction, list(texts)))
        prompts = self.words.render(self.words.before(instruction, role), texts)
        vectors = self.words.embed(prompts, self.settings.batch_tokens)
        if on_progress:
            on_progress(len(texts), len(texts))
        return Embeddings(vectors, [prompt.tokens for prompt in prompts], [prompt.truncated for prompt in prompts])

    @override
    def submit(
        self,
        texts: Sequence[str],
        instruction: str = "",
        *,
        role: Role = "text",
        priority: Priority = Priority.INTERACTIVE,
        on_progress: Callable[[int, int], Any] | None = None,
    ) -> Future[Embeddings]:
        future: Future[Embeddings] = Future()
        try:
            future.set_result(self.embed(texts, instruction, role=role, priority=priority, on_progress=on_progress))
        except Exception as error:
            future.set_exception(error)
        return future
