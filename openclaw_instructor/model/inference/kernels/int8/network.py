"""A quantised network in memory, and how C runs it. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openclaw_instructor.model.inference.kernels.int8 import library
from openclaw_instructor.model.inference.kernels.int8.library import LayerFields, ModelFields
from openclaw_instructor.model.inference.kernels.int8.weights import Array, Layer, Norm
from openclaw_instructor.model.inference.kernels.packed_batch import BatchFields, GroupFields
from openclaw_instructor.model.shapes import BertShape, T5Shape

ACTIVATIONS = {"relu": 0, "gelu": 1, "gelu_tanh": 2}
ROOT_MEAN_SQUARE, LAYER_NORM = 0, 1
VECTOR = 16  # what attention reads at a time, at most
# A pass is fastest if its activations fit a core's cache.
PASS_TOKENS = 256
# Fewer tokens are not worth using another core.
TOKENS_PER_CORE = 64
# Operations from which a single pass uses all cores; below, waking a thread costs more than it gains.
SHARED_OPERATIONS = 2e9


@dataclass(frozen=True)
class Tokens:
    """A packed batch: `ids`, `pooled`, `starts` int64 as in `packing.Packed`; `groups` of (start, prompts, length)."""

    ids: NDArray[np.int64]
    pooled: NDArray[np.int64]
    starts: NDArray[np.int64]
    groups: Sequence[tuple[int, int, int]]

    @property
    def longest(self) -> int:
        """The number of tokens of the longest prompt."""
        return max((length for _, _, length in self.groups), default=0)


@dataclass(frozen=True)
class Weights:
    """What a network consists of.

    `table` (vocabulary, width) holds bfloat16 as uint16; `positions` (positions, width) and `embedding`, the norm
    behind them, are BERT's; `dense` (width, dimension) is the projection; `relative` (buckets, heads) is the
    position bias.
    """

    table: NDArray[np.uint16]
    layers: Sequence[Layer]
    positions: Array | None = None
    embedding: Norm | None = None
    dense: Array | None = None
    relative: Array | None = None


class Int8Network:
    """Runs batches through quantised weights; safe to share between threads.

    Raises MemoryError, and IndexError for tokens and positions that the tables do not have.
    """

    def __init__(self, kernels: str, shape: T5Shape | BertShape, weights: Weights, normalize: bool) -> None:
        opened = library.opened()
        assert opened is not None
        self.kernels, self.shape, self.weights, self.normalize = kernels, shape, weights, normalize
        self.dimension = shape.width if weights.dense is None else weights.dense.shape[1]
        self._forward = opened.int8_forward
        self._bias: tuple[int, Array] | None = None
        self._layers = (LayerFields * len(weights.layers))(*(layer.fields() for layer in weights.layers))
        self._model = self._fields()

    def vectors(self, batch: Tokens, threads: int = 1) -> Array:
        """Compute pooled states or embeddings (prompts, dimension) float32 on up to so many threads."""
        vectors = np.empty((len(batch.starts), self.dimension), np.float32)
        self._run(batch, threads, vectors, None)
        return vectors

    def states(self, batch: Tokens, threads: int = 1) -> Array:
        """Compute states (tokens, width) float32 before a T5's last norm, or after a BERT's."""
        states = np.empty((len(batch.ids), self.shape.width), np.float32)
        self._run(batch, threads, None, states)
        return states

    def _fields(self) -> ModelFields:
        shape, weights = self.shape, self.weights
        return ModelFields(
            len(weights.table),
            0 if weights.positions is None else len(weights.positions),
            shape.first_position if isinstance(shape, BertShape) else 0,
            shape.width,
            shape.heads,
            shape.head_width,
            shape.inner,
            len(weights.layers),
            self.dimension,
            ACTIVATIONS[shape.activation],
            LAYER_NORM if weights.embedding else ROOT_MEAN_SQUARE,
            self.normalize,
            shape.epsilon,
            weights.table.ctypes.data,
            None if weights.positions is None else weights.positions.ctypes.data,
            weights.embedding.fields() if weights.embedding else library.NormFields(),
            self._layers,
            None if weights.dense is None else weights.dense.ctypes.data,
        )

    def _run(self, batch: Tokens, threads: int, vectors: Array | None, states: Array | None) -> None:
        bias = self._bias_for(batch.longest)
        parts = [np.ascontiguousarray(part, np.int64) for part in (batch.ids, batch.pooled, batch.starts)]
        ids, pooled, starts = parts
        arguments = BatchFields(
            ids.ctypes.data,
            len(ids),
            (GroupFields * len(batch.groups))(*(GroupFields(*group) for group in batch.groups)),
            len(batch.groups),
            None if bias is None else bias.ctypes.data,
            0 if bias is None else bias.shape[1] // 2,
            pooled.ctypes.data,
            starts.ctypes.data,
            len(pooled),
            len(starts),
            None if vectors is None else vectors.ctypes.data,
            None if states is None else states.ctypes.data,
        )
        failure = self._forward(self.kernels.encode(), self._model, arguments, threads)
        if failure:
            raise _error(failure, batch, len(self.weights.table))

    def _bias_for(self, length: int) -> Array | None:
        """Return the bias for the distances from -d to d, where no prompt is longer than d."""
        if self.weights.relative is None:
            return None
        # Use a local variable, because another thread may replace the attribute meanwhile.
        kept = self._bias
        if kept is None or kept[0] < length:
            whole = -(-length // VECTOR) * VECTOR
            kept = self._bias = length, distance_bias(self.weights.relative, whole, self.shape.max_distance)
        return kept[1]


def distance_bias(table: Array, length: int, max_distance: int) -> Array:
    """Look up the bias (heads, 2 x length + 1) of the distances from -length to length, as `networks/position.py`."""
    distances = np.arange(-length, length + 1)
    half = len(table) // 2
    exact = half // 2
    near = np.abs(distances)
    scaled = np.log(np.maximum(near, 1).astype(np.float32) / np.float32(exact))
    far = scaled / np.float32(math.log(max_distance / exact)) * np.float32(half - exact)
    bucket = np.where(near < exact, near, np.minimum(exact + far.astype(np.int64), half - 1))
    return np.ascontiguousarray(table[bucket + half * (distances > 0)].T, np.float32)


def _error(failure: int, batch: Tokens, vocabulary: int) -> Exception:
    if failure == library.NO_MEMORY:
        return MemoryError(f"no memory for a pass of {len(batch.ids)} tokens; give `embed` a smaller `batch_tokens`")
    if failure == library.UNKNOWN_TOKEN:
        return IndexError(f"a token's number is beyond the table's {vocabulary}: {batch.ids.max()}")
    if failure == library.TOO_LONG:
        return IndexError(f"a text of {batch.longest} tokens has more than the checkpoint has positions")
    return IndexError("a prompt without a token has no embedding; let the tokenizer end a text with one")
