"""Sizes of the supported networks, as a checkpoint's `config.json` gives them. Imports no torch."""

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

    @property
    def attention_width(self) -> int:
        """Channels of all heads together; T5 does not require them to be as many as the stream's."""
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
