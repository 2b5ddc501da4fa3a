"""Embed in LlamaIndex: `InstructorEmbedding`, for every index, retriever and pipeline that takes an `embed_model`."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from openclaw_instructor import distribution
from openclaw_instructor.errors import MissingExtra
from openclaw_instructor.integrations.steered import Steered

try:
    from llama_index.core.base.embeddings.base import BaseEmbedding
except ModuleNotFoundError:
    raise MissingExtra(f"LlamaIndex is not installed; run: {distribution.pip_line('llama-index')}") from None

logger = logging.getLogger(__name__)

_BATCH = 256


class InstructorEmbedding(BaseEmbedding):
    """Queries and nodes under an instruction each, by one model however many of these there are.

    `checkpoint` is `mini`, a folder or a hub id, by default the configured one. `query` and `document` name the
    instructions: `query` and `passage` of the registry, a role of a task such as `search_docs.query`, or an instruction
    written out, such as "Represent the legal question for retrieving supporting documents:"; "" is none.
    """

    checkpoint: str | None = None
    query: str = "query"
    document: str = "passage"
    home: str | None = None

    def __init__(self, checkpoint: str | None = None, **fields: Any) -> None:
        given = {"embed_batch_size": _BATCH, "model_name": checkpoint or "instructor"} | fields
        super().__init__(checkpoint=checkpoint, **given)

    @classmethod
    def class_name(cls) -> str:
        """Return the name under which LlamaIndex serialises this class."""
        return "OpenClawInstructorEmbedding"

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._embed([query], self.query, bulk=False)[0]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return await asyncio.to_thread(self._get_query_embedding, query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._embed([text], self.document, bulk=True)[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return self._embed(texts, self.document, bulk=True)

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return await asyncio.to_thread(self._get_text_embeddings, texts)

    def _embed(self, texts: list[str], instruction: str, *, bulk: bool) -> list[list[float]]:
        embedded = Steered(self.checkpoint, self.home).embed(texts, instruction, bulk=bulk)
        if cut := sum(embedded.truncated):
            # A list of embeddings has no other way to say it.
            logger.warning(
                "%d of %d texts are longer than the checkpoint reads; their ends were left out", cut, len(texts)
            )
        vectors: list[list[float]] = embedded.vectors.tolist()
        return vectors
