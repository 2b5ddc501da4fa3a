"""Tell whether a collection is stale: whether a sync would change what it holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from openclaw_instructor.documents.chunking import CHUNKER
from openclaw_instructor.errors import CheckpointUnavailable, InvalidCheckpoint, MissingExtra, ModelLoading
from openclaw_instructor.index.collections import Generation

if TYPE_CHECKING:
    from openclaw_instructor.engine import Engine
    from openclaw_instructor.index.collections import Collection

# Gives the document instruction that a collection should be embedded under now, by its name.
Steering: TypeAlias = Callable[[str], str]

# Errors that keep the model from embedding now, while full text still answers.
NO_MODEL = (CheckpointUnavailable, InvalidCheckpoint, MissingExtra, ModelLoading)


def wanted(engine: Engine, collection: Collection) -> Generation:
    """Describe the generation that this collection should have under the current checkpoint; it is not stored."""
    return Generation(
        id=0,
        key="",
        identity=engine.identity(collection.instruction, extra=CHUNKER),
        embedding_space=engine.identity(""),
        checkpoint=engine.checkpoint_name,
        dimension=engine.dimension,
        revision=0,
    )


def steered(known: list[Collection], steering: Steering | None) -> list[Collection]:
    """Return the collections with the instructions that they should have now; as they are without a checkpoint."""
    if steering is None:
        return known
    try:
        return [replace(collection, instruction=steering(collection.name)) for collection in known]
    except NO_MODEL:
        return known


def comparable(engine: Engine, generation: Generation) -> bool:
    """Whether a query embedded now can be compared with this generation's vectors. No weights are loaded."""
    return generation.embedding_space == engine.identity("")


def stale(engine: Engine, collection: Collection, syncing: bool) -> str | None:
    """Explain why a sync would change what is found, with the command; None when it would not.

    `syncing`: a sync is running now. Without a usable checkpoint only an unfinished sync is seen.
    """
    name, serving = collection.name, collection.serving
    fix = f"run `openclaw-instructor index sync {name}`"
    if serving is None:
        return f"collection `{name}` has not been indexed yet; {fix}"
    try:
        now = wanted(engine, collection)
    except NO_MODEL:
        now = serving
    if now.embedding_space != serving.embedding_space:
        return (
            f"collection `{name}` was embedded with checkpoint `{serving.checkpoint}` and the current one is "
            f"`{now.checkpoint}`: only words can be compared; {fix}"
        )
    if now.identity != serving.identity:
        return f"collection `{name}` was embedded under another instruction or cut by other rules; {fix}"
    if collection.problem:
        return f"collection `{name}`: {collection.problem}"
    if collection.unfinished and syncing:
        return f"collection `{name}` is being synced now; ask again later for what is still missing"
    if collection.unfinished:
        return f"collection `{name}` has changes that no sync has finished yet; {fix}"
    return None
