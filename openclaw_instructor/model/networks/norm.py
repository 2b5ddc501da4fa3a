"""The RMS norm of T5 without its weight, which serving folds into the product behind it."""

# Without postponed annotations: torch's compiler reads those of the functions themselves.
import torch
from torch import Tensor


def norm(hidden: Tensor, floor: Tensor) -> Tensor:
    """The length of each row (tokens, 1); `floor` is the root of width x epsilon."""
    # It sums in float32 for every input; asking for that by `dtype` would copy the input first.
    length: Tensor = torch.linalg.vector_norm(hidden, dim=-1, keepdim=True).hypot_(floor)
    return length


def unit(hidden: Tensor, floor: Tensor) -> Tensor:
    """Rows (tokens, width) of unit length."""
    return hidden / norm(hidden, floor)
