"""Rerankers: how well each of some documents answers a query."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openclaw_instructor.engine.rerankers.protocol import Reranked, Reranker

if TYPE_CHECKING:
    from openclaw_instructor.engine.engine import Engine
    from openclaw_instructor.settings import Settings

__all__ = ["Reranked", "Reranker", "reranker"]


def reranker(settings: Settings, engine: Engine) -> Reranker:
    """Choose the reranker: the cross-encoder that the settings name, else the checkpoint's own embeddings."""
    if settings.reranker:
        from openclaw_instructor.engine.rerankers.cross_encoder import CrossEncoderReranker

        return CrossEncoderReranker(settings.reranker, settings)
    from openclaw_instructor.engine.rerankers.bi_encoder import BiEncoderReranker

    return BiEncoderReranker(engine)
