"""Open the embedder that the settings name; all embedders share one protocol."""

from __future__ import annotations

from openclaw_instructor.engine.embedders.protocol import Embedder, provider_of
from openclaw_instructor.settings import Settings


def open_embedder(settings: Settings) -> Embedder:
    """Open what `settings.checkpoint` names: `st:NAME`, an address, or a checkpoint of our own encoder.

    Raises InvalidCheckpoint, CheckpointUnavailable, InvalidSettings.
    """
    provider = provider_of(settings.checkpoint)
    if provider == "sentence-transformers":
        from openclaw_instructor.engine.embedders.sentence_transformers import SentenceTransformersEmbedder

        return SentenceTransformersEmbedder(settings)
    if provider == "remote":
        from openclaw_instructor.engine.embedders.remote import RemoteEmbedder

        return RemoteEmbedder(settings)
    from openclaw_instructor.engine.embedders.local import LocalEmbedder

    return LocalEmbedder(settings)
