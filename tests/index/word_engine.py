"""A small deterministic engine at the public seam."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from openclaw_instructor.engine import Embeddings, Priority
from openclaw_instructor.errors import InstructorError
from openclaw_instructor.index import Index

DOCUMENT = "Represent the document for retrieval: "
QUERY = "Represent the question for retrieving supporting documents: "
_TOKEN = re.compile(r"\w+|[^\w\s]")


class WordPrompter:
    """A token is a word or a mark; two special tokens go around a text."""

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(_TOKEN.findall(text)) for text in texts]

    def room(self, instruction: str) -> int:
        return self.limit - 2 - self.count([instruction])[0]


class WordEngine:
    """Vectors are hashed bags of words: texts that share words are near. Counts what it is asked to embed."""

    def __init__(self, checkpoint: str = "words", dimension: int = 256, limit: int = 512) -> None:
        self.checkpoint_name = checkpoint
        self.dimension = dimension
        self.embedder = WordPrompter(limit)
        self.calls: list[list[str]] = []
        self.failure: InstructorError | None = None
        self.before_embed: Callable[[], None] = lambda: None

    @property
    def loaded(self) -> bool:
        return bool(self.calls)

    @property
    def embedded(self) -> list[str]:
        return [text for call in self.calls for text in call]

    def identity(self, instruction: str, extra: str = "") -> str:
        parts = f"{self.checkpoint_name}|{self.dimension}|{instruction}|{extra}"
        return hashlib.sha256(parts.encode()).hexdigest()[:32]

    def embed(
        self, texts: Sequence[str], instruction: str = "", *, priority: Priority = Priority.INTERACTIVE, **_: Any
    ) -> Embeddings:
        self.before_embed()
        if self.failure:
            raise self.failure
        self.calls.append(list(texts))
        room = self.embedder.room(instruction)
        tokens = self.embedder.count(texts)
        vectors = np.array([self._vector(text, room) for text in texts], dtype=np.float32)
        return Embeddings(vectors, tokens, [count > room for count in tokens])

    def _vector(self, text: str, room: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        vector = np.full(self.dimension, 1e-3, dtype=np.float32)
        for word in _TOKEN.findall(text.casefold())[:room]:
            if len(word) < 4:
                continue
            number = int.from_bytes(hashlib.blake2b(f"{self.checkpoint_name}{word}".encode(), digest_size=4).digest())
            vector[number % self.dimension] += 1.0 if number & 0x8000_0000 else -1.0
        return vector / np.linalg.norm(vector)


def ask(index: Index, query: str, collection: str | None = "docs", **options: Any) -> dict[str, Any]:
    return index.search(query, collection=collection, query_instruction=QUERY, **options).as_dict()
