"""Define the sizes of the supported networks, as a checkpoint's `config.json` gives them. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class T5Shape:
    """Sizes of a T5 encoder and of the projection behind it.

    `inner` is the width of the feed-forward; `buckets` and `max_distance` (in tokens) are those of the relative
    position bias; `epsilon` is the norms'. With `normalize` the embedding is scaled to unit length.
    """

    vocab_size: int
    width: int
    inner: int
    heads: int
    head_width: int
    layers: int
    buckets: int
    max_distance: int
    epsilon: float
    dimension: int
    normalize: bool
    activation: str = "relu"
    family: str = "t5"

    @property
    def attention_width(self) -> int:
        """The number of channels of all heads; in T5 it may differ from that of the residual stream."""
        return self.heads * self.head_width

    @property
    def layer_parameters(self) -> int:
        """Number of weights of one layer."""
        return 4 * self.width * self.attention_width + 2 * self.width * self.inner + 2 * self.width

    @property
    def parameters(self) -> int:
        """Number of weights of the encoder and projection."""
        outside = self.vocab_size * self.width + self.buckets * self.heads + self.width + self.width * self.dimension
        return outside + self.layers * self.layer_parameters


@dataclass(frozen=True)
class BertShape:
    """Sizes of a BERT-like encoder: learned absolute positions, a norm after each residual.

    `positions` is the number of learned positions and `first_position` the one of a text's first token. `buckets` is
    above zero where a relative bias is added to the scores as well (MPNet).
    """

    family: str
    vocab_size: int
    width: int
    inner: int
    heads: int
    layers: int
    positions: int
    first_position: int
    epsilon: float
    activation: str = "gelu"
    token_types: bool = True
    buckets: int = 0
    max_distance: int = 128

    @property
    def head_width(self) -> int:
        """Number of channels of one attention head."""
        return self.width // self.heads

    @property
    def layer_parameters(self) -> int:
        """Number of weights of one layer."""
        return 4 * self.width * self.width + 2 * self.width * self.inner + 9 * self.width + self.inner

    @property
    def parameters(self) -> int:
        """Number of weights of the encoder."""
        outside = (self.vocab_size + self.positions + 2 + self.token_types) * self.width + self.buckets * self.heads
        return outside + self.layers * self.layer_parameters


@dataclass(frozen=True)
class ModernBertShape:
    """Sizes of a ModernBERT encoder: rotary positions, gated feed-forward, norms before each branch.

    `is_global` says for each layer whether it attends to the whole text or to `window` tokens on either side; the
    rotary base is `global_base` or `local_base`.
    """

    vocab_size: int
    width: int
    inner: int
    heads: int
    layers: int
    epsilon: float
    activation: str
    window: int
    is_global: tuple[bool, ...]
    global_base: float
    local_base: float
    has_biases: bool = False
    has_norm_biases: bool = False
    family: str = "modernbert"

    @property
    def head_width(self) -> int:
        """Number of channels of one attention head."""
        return self.width // self.heads

    @property
    def layer_parameters(self) -> int:
        """Number of weights of one layer."""
        biases = 5 * self.width + 2 * self.inner if self.has_biases else 0
        norms = (4 if self.has_norm_biases else 2) * self.width
        return 4 * self.width * self.width + 3 * self.width * self.inner + norms + biases

    @property
    def parameters(self) -> int:
        """Number of weights of the encoder; its first layer has no norm before attention."""
        norms = (2 if self.has_norm_biases else 1) * self.width
        return self.vocab_size * self.width + 2 * norms + self.layers * self.layer_parameters - norms


Shape = T5Shape | BertShape | ModernBertShape


@dataclass(frozen=True)
class Projection:
    """A dense module behind the pooling: `folder` holds its weights; `activation` is "identity" or "tanh"."""

    folder: str
    inputs: int
    outputs: int
    bias: bool
    activation: str


@dataclass(frozen=True)
class Head:
    """How token states become an embedding.

    `pooling` ("mean", "cls" or "lasttoken"), projections, normalisation, and truncation to the first `truncate_to`
    channels (Matryoshka).
    """

    pooling: str
    projections: tuple[Projection, ...]
    normalize: bool
    truncate_to: int | None = None
    masks_prompt: bool = False
