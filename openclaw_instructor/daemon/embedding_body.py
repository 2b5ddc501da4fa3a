"""Make the body that answers POST /v1/embeddings: OpenAI's format with an additional `truncated`."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from openclaw_instructor.engine import Embeddings

Encoding: TypeAlias = Literal["float", "base64", "array"]
"""How a vector is written: numbers, base64 of little-endian float32, or the numpy row itself for a serializer of it."""


def embedding_body(embeddings: Embeddings, checkpoint: str, encoding: Encoding = "float") -> dict[str, Any]:
    """Shape embeddings of a checkpoint as the object of the route. `truncated` lists the texts that did not fit."""
    tokens = sum(embeddings.tokens)
    return {
        "object": "list",
        "model": checkpoint,
        "data": [
            {"object": "embedding", "index": index, "embedding": _written(vector, encoding)}
            for index, vector in enumerate(embeddings.vectors)
        ],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        "truncated": [index for index, cut in enumerate(embeddings.truncated) if cut],
    }


def _written(vector: Any, encoding: Encoding) -> Any:
    if encoding == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    return vector if encoding == "array" else vector.tolist()
