"""Define BERT and its relatives on packed batches: BERT, DistilBERT, and in their own files XLM-RoBERTa and MPNet.

Devlin et al., NAACL 2019: learned absolute positions, a layer norm after each residual. The module holds no kernels:
`inference/network_backend.py` replaces its linear layers and compiles it.
"""

# Without postponed annotations: TorchScript reads those of the methods.
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from openclaw_instructor.model.networks.attention import Group, attend, masks_of
from openclaw_instructor.model.networks.position import position_bias
from openclaw_instructor.model.networks.table import Table
from openclaw_instructor.model.shapes import BertShape
from openclaw_instructor.model.torch_private import not_scripted


class Activation(nn.Module):
    """An activation by name: "gelu", "gelu_tanh" or "relu"; "none" where the kernel before applies it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def forward(self, x: Tensor) -> Tensor:
        """Apply the activation to each element; any unknown name is the identity."""
        if self.name == "relu":
            return F.relu(x)
        if self.name == "gelu":
            return F.gelu(x)
        return F.gelu(x, approximate="tanh") if self.name == "gelu_tanh" else x


class BertLayer(nn.Module):
    """Self-attention and feed-forward, each with a residual around it and a norm after that."""

    def __init__(self, shape: BertShape) -> None:
        super().__init__()
        self.heads, self.scale = shape.heads, shape.head_width**-0.5
        self.qkv = nn.Linear(shape.width, 3 * shape.width)
        self.out = nn.Linear(shape.width, shape.width)
        self.attention_norm = nn.LayerNorm(shape.width, shape.epsilon)
        self.up = nn.Linear(shape.width, shape.inner)
        self.activation = Activation(shape.activation)
        self.down = nn.Linear(shape.inner, shape.width)
        self.feed_norm = nn.LayerNorm(shape.width, shape.epsilon)

    def forward(self, states: Tensor, groups: list[Group], masks: list[Tensor]) -> Tensor:
        """Compute the states (tokens, width) after the layer."""
        mixed = attend(self.qkv(states), groups, masks, self.heads, self.scale)
        states = self.attention_norm(states + self.out(mixed))
        fed: Tensor = self.feed_norm(states + self.down(self.activation(self.up(states))))
        return fed


class BertEncoder(nn.Module):
    """Computes token states of packed token ids. `positions` includes the embedding of the first token type."""

    def __init__(self, shape: BertShape) -> None:
        super().__init__()
        self.first_position, self.buckets, self.max_distance = shape.first_position, shape.buckets, shape.max_distance
        self.tokens = Table(shape.vocab_size, shape.width)
        self.positions = Table(shape.positions, shape.width)
        self.relative = Table(max(1, shape.buckets), shape.heads)
        self.norm = nn.LayerNorm(shape.width, shape.epsilon)
        self.layers = nn.ModuleList(BertLayer(shape) for _ in range(shape.layers))

    @not_scripted  # type: ignore[untyped-decorator]
    def prepare(self, length: int) -> list[Tensor]:
        """Compute the bias (1, heads or 1, length, length) of attention for texts of up to `length` tokens."""
        if self.buckets:
            return [position_bias(self.relative.weight, length, self.max_distance)]
        return [torch.zeros(1, 1, length, length, device=self.tokens.weight.device)]

    def forward(self, ids: Tensor, groups: list[Group], prepared: list[Tensor], pad_keys: bool) -> Tensor:
        """Compute states (tokens, width) float32; padding rows have arbitrary finite values."""
        states: Tensor = self.norm(self.tokens(ids).float() + self.positions(self._positions_of(ids, groups)).float())
        masks = masks_of(prepared[0], groups, len(ids), pad_keys)
        for layer in self.layers:
            states = layer(states, groups, masks)
        return states

    def _positions_of(self, ids: Tensor, groups: list[Group]) -> Tensor:
        positions = torch.full_like(ids, self.first_position)
        for group in groups:
            counted = torch.arange(group.length, device=ids.device) + self.first_position
            positions[group.start : group.start + group.prompts * group.length] = counted.repeat(group.prompts)
        return positions
