"""The encoder's matrix product: trains as a plain linear layer, serves with its weight packed for the processor."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

# T5's `feed_forward_proj` -> the function; `_linear_pointwise` knows them by the same names.
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"none": lambda x: x, "relu": F.relu, "gelu": F.gelu}


class Product(nn.Linear):
    """`x @ weight.T`, with an optional activation or residual fused into the product where the backend can.

    A packed weight lies in the blocked order oneDNN's kernels read: a single query then runs at the speed of memory
    instead of reordering every weight on every call. There a residual is added to in place.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, bias=False)
        self._packed: Tensor | None = None

    def forward(self, x: Tensor, *, activation: str = "none", add: Tensor | None = None) -> Tensor:
        if self._packed is None:
            plain = F.linear(x, self.weight)
            plain = ACTIVATIONS[activation](plain)
            return plain if add is None else add + plain
        y: Tensor = torch.ops.mkldnn._linear_pointwise.default(x, self._packed, None, activation, [], "none")
        return y if add is None else add.add_(y)

    # Without nn.Module's hooks: nothing uses them, and a short query would pay for them every time.
    __call__: Callable[..., Tensor] = forward

    def pack(self) -> None:
        """Reorder the weight once; the plain copy is dropped. Inference on a CPU only."""
        if torch._C._has_mkldnn:
            self._packed = torch.ops.mkldnn._reorder_linear_weight(self.weight.detach().contiguous(), None)
            self.weight = nn.Parameter(torch.empty(0), requires_grad=False)
