"""Define the XLM-RoBERTa family as a variant of BERT.

XLM-RoBERTa (Conneau et al., ACL 2020), RoBERTa and CamemBERT have BERT's layers, with positions counted from after the
padding token's number and one token type.

The network is `bert.BertEncoder` with another `first_position`; here is what its token types become.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from openclaw_instructor.errors import InvalidCheckpoint
from openclaw_instructor.model.shapes import BertShape


def first_token_type(
    tensors: Mapping[str, Tensor], prefix: str, shape: BertShape, positions: Tensor
) -> dict[str, Tensor]:
    """Return the position table with the first token type's embedding added.

    An embedding model reads single texts, so every token has that type. Raises InvalidCheckpoint.
    """
    if not shape.token_types:
        return {}
    name = f"{prefix}embeddings.token_type_embeddings.weight"
    if name not in tensors or tensors[name].shape[-1:] != (shape.width,):
        raise InvalidCheckpoint(f"tensor {name} is missing or of another width; the weights do not fit config.json")
    return {"positions.weight": positions + tensors[name][0].to(torch.float32)}
