"""Open the embedder that the settings name; all embedders share one protocol."""

from __future__ import annotations

from openclaw_instructor.engine.embedders.protocol import Embedder
from openclaw_instructor.settings import Settings


def open_embedder(settings: Settings) -> Embedder:
    """Open what `settings.checkpoint` names: `st:NAME`, an address, or a checkpoint of our own encoder.

    Raises InvalidCheckpoint, CheckpointUnavailable, InvalidSettings.
    """
    if settings.checkpoint.startswith("st:"):
        from openclaw_instructor.engine.embedders.sentence_transformers import SentenceTransformersEmbedder

        return SentenceTransformersEmbedder(settings)
    if settings.checkpoint.startswith(("http://", "https://")):
        from openclaw_instructor.engine.embedders.remote import RemoteEmbedder

        return RemoteEmbedder(settings)
    from openclaw_instructor.engine.embedders.local import LocalEmbedder

    return LocalEmbedder(settings)
