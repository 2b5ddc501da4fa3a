"""Embed in LangChain: `InstructorEmbeddings`, for every vector store and retriever that takes an `Embeddings`."""

from __future__ import annotations

import logging

from openclaw_instructor import distribution
from openclaw_instructor.errors import MissingExtra
from openclaw_instructor.integrations.steered import Steered

try:
    from langchain_core.embeddings import Embeddings
except ModuleNotFoundError:
    raise MissingExtra(f"LangChain is not installed; run: {distribution.pip_line('langchain')}") from None

logger = logging.getLogger(__name__)


class InstructorEmbeddings(Embeddings):
    """Queries and documents under an instruction each, by one model however many of these there are.

    `checkpoint` is `mini`, a folder or a hub id, by default the configured one. `query` and `document` name the
    instructions: `query` and `passage` of the registry, a role of a task such as `search_docs.query`, or an instruction
    written out, such as "Represent the legal question for retrieving supporting documents:"; "" is none.
    """

    def __init__(
        self,
        checkpoint: str | None = None,
        *,
        query: str = "query",
        document: str = "passage",
        home: str | None = None,
    ) -> None:
        self.checkpoint, self.query, self.document, self.home = checkpoint, query, document, home
        self._steered = Steered(checkpoint, home)

    def __repr__(self) -> str:
        given = f"{self.checkpoint!r}, query={self.query!r}, document={self.document!r}, home={self.home!r}"
        return f"{type(self).__name__}({given})"

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed texts as unit vectors, in order. Raises UnknownInstruction and what loading the checkpoint raises."""
        return self._embed(texts, self.document, bulk=True)

    def embed_query(self, text: str) -> list[float]:
        """Embed a query as a unit vector. Raises as `embed_documents`."""
        return self._embed([text], self.query, bulk=False)[0]

    def _embed(self, texts: list[str], instruction: str, *, bulk: bool) -> list[list[float]]:
        embedded = self._steered.embed(texts, instruction, bulk=bulk)
        if cut := sum(embedded.truncated):
            # An `Embeddings` has no other way to say it.
            logger.warning(
                "%d of %d texts are longer than the checkpoint reads; their ends were left out", cut, len(texts)
            )
        vectors: list[list[float]] = embedded.vectors.tolist()
        return vectors
