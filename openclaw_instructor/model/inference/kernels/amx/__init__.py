"""Run T5's layers on AMX in C: one call is a whole forward pass in bfloat16.

torch's kernels leave more than half of what AMX can do: they reorder rows before every product, compute attention
through memory, and a short query waits at each of 250 operations. `forward.c` keeps activations in the order in which
tiles are loaded, from one product to the next and in the second-level cache; attention needs no matrix of biases; and a
short query's parts go to whichever core is free. A row's result does not depend on its neighbours, to the bit.

The library is compiled when the package is built (`build.py`). Without it, and for other processors and formats,
torch's kernels run (`torchscript.py`).
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from openclaw_instructor.model.device import has_amx
from openclaw_instructor.model.inference.folded import FoldedEnds, FoldedLayer, norm_floor, unit_rows
from openclaw_instructor.model.inference.kernels.packed_batch import BatchFields, GroupFields, fields
from openclaw_instructor.model.inference.kernels.sources import digest
from openclaw_instructor.model.networks.position import BiasCache, distance_bias
from openclaw_instructor.model.packing import Packed
from openclaw_instructor.model.shapes import T5Shape
from openclaw_instructor.model.torch_private import has_cpu_feature

LIBRARY = Path(__file__).with_name("amx.so")

# The channels of a tile row, and the outputs of a weight panel.
TILE_CHANNELS = 32
# Upper bounds on the feed-forward channels computed at a time, on the tokens of a pass, and on the numbers of its
# residual stream. With these, what a core reads repeatedly nearly fits into its second-level cache.
CHUNK, PASS_TOKENS, PASS_NUMBERS = 512, 512, 512 * 768
# Fewer tokens are not worth using another core. The bound is lower than for torch's kernels, because these are as fast
# with few rows, and data written by another core is as slow to read as memory.
TOKENS_PER_CORE = 64
# Operations from which a single pass uses all cores; below, threads waiting for each other cost more than they gain.
SHARED_OPERATIONS = 2e8
# Outputs of the projection that are computed at a time.
PROJECTED = 16
# The size of a large page; the system aligns memory whose size is a multiple of it.
PAGE = 2 << 20
# What `amx_forward` returns when it fails.
NO_MEMORY, UNKNOWN_TOKEN = 1, 2


class _Model(ctypes.Structure):
    _fields_ = fields(
        {
            ctypes.c_long: "vocabulary width heads head_width inner chunk layers dimension has_gelu normalizes",
            ctypes.c_float: "floor",
            ctypes.c_void_p: "table weights dense",
        }
    )


@cache
def _library() -> ctypes.CDLL | None:
    """Load the compiled library if it matches these sources and the system allows this process AMX."""
    return open_library(LIBRARY, digest(LIBRARY.parent))


def open_library(path: Path, sources: str) -> ctypes.CDLL | None:
    """Open a library made of the sources with this digest, or return None where it cannot be used."""
    try:
        library = ctypes.CDLL(str(path))
    except OSError:  # there is none, or it needs a newer system
        return None
    library.amx_sources.restype = ctypes.c_char_p
    library.amx_forward.argtypes = (ctypes.POINTER(_Model), ctypes.POINTER(BatchFields), ctypes.c_long)
    is_current = library.amx_sources() == sources.encode()
    return library if is_current and library.amx_open() else None


def is_available(device: torch.device) -> bool:
    """Whether the processor has AMX and the library was compiled."""
    return _processor_has_amx(device) and _library() is not None


def is_missing(device: torch.device) -> bool:
    """Whether the processor has AMX, but the library was not compiled."""
    return _processor_has_amx(device) and _library() is None


def _processor_has_amx(device: torch.device) -> bool:
    return sys.platform == "linux" and has_amx(device) and has_cpu_feature("avx512_bf16")


def is_supported(shape: T5Shape, dtype: torch.dtype, device: torch.device) -> bool:
    """Whether these kernels compute a network of this shape, in this format."""
    whole_tiles = all(channels % TILE_CHANNELS == 0 for channels in (shape.width, shape.head_width, shape.inner))
    return whole_tiles and shape.dimension % PROJECTED == 0 and dtype == torch.bfloat16 and is_available(device)


def preferred_tokens(width: int) -> int:
    """Return the number of tokens of a pass at which the kernels are fastest."""
    return min(PASS_TOKENS, PASS_NUMBERS // width)


class AmxBuilder:
    """Packs a T5's weights layer by layer in the order in which a pass reads them, one bfloat16 row for each layer."""

    def __init__(self, ends: FoldedEnds, shape: T5Shape) -> None:
        self._shape, self._chunk, self._added = shape, chunk_of(shape), 0
        self._ends = ends._replace(tokens=ends.tokens.to(torch.bfloat16))
        numbers = shape.layers * (4 * shape.attention_width * shape.width + 2 * shape.inner * shape.width)
        self._rows = _in_large_pages(numbers).view(shape.layers, -1)

    def add(self, layer: FoldedLayer) -> None:
        """Pack the next layer."""
        parts = [layer.qkv.unflatten(0, (3, self._shape.heads, -1)).transpose(0, 1).flatten(0, 2), layer.out]
        for some in range(0, self._shape.inner, self._chunk):
            parts += [layer.up[some : some + self._chunk], layer.down[:, some : some + self._chunk]]
        row = self._rows[self._added]
        for part, target in zip(parts, row.split([part.numel() for part in parts]), strict=True):
            _pack_panels(part, target)
        self._added += 1

    def finish(self) -> AmxBackend:
        """Return the backend with all layers that were added."""
        return AmxBackend(self._ends, self._rows, self._shape)


def chunk_of(shape: T5Shape) -> int:
    """Return the number of feed-forward channels that are computed at a time."""
    return max(channels for channels in range(TILE_CHANNELS, CHUNK + 1, TILE_CHANNELS) if shape.inner % channels == 0)


def _pack_panels(weight: Tensor, into: Tensor) -> None:
    """Pack a weight (out, in) into pairs of tiles, for every 32 outputs and 32 inputs; see `gemm.h`."""
    n, k = weight.size(0) // TILE_CHANNELS, weight.size(1) // TILE_CHANNELS
    tiles = weight.unflatten(1, (k, 16, 2)).unflatten(0, (n, 2, 16))
    into.view(n, k, 2, 16, 16, 2).copy_(tiles.permute(0, 3, 1, 4, 2, 5))


def _in_large_pages(numbers: int) -> Tensor:
    """Allocate bfloat16 numbers in large pages if the system has them, which makes reading a quarter faster."""
    size = -(-2 * numbers // PAGE) * PAGE
    pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    # Some kernels of the system have no large pages.
    with suppress(OSError, AttributeError):
        pages.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(pages, dtype=torch.bfloat16, count=numbers)


class AmxBackend:
    """Runs the layers that an `AmxBuilder` packed. See `Backend`.

    Raises MemoryError, and IndexError for tokens that the table does not have.
    """

    dtype, device = torch.bfloat16, torch.device("cpu")
    tokens_per_core = TOKENS_PER_CORE
    shared_operations = SHARED_OPERATIONS
    pads_rows = False  # any number of rows is as fast
    has_threads = False

    def __init__(self, ends: FoldedEnds, weights: Tensor, shape: T5Shape) -> None:
        library = _library()
        assert library is not None
        self._forward = library.amx_forward
        self.shape, self.dimension, self.pooling = shape, shape.dimension, "mean"
        self.preferred_tokens = preferred_tokens(shape.width)
        self.operations_per_token = 2.0 * shape.layers * shape.layer_parameters
        self._norm, self._floor = ends.norm, norm_floor(shape)
        self.bias = BiasCache(lambda length: distance_bias(ends.position, length, shape.max_distance))
        table, dense = ends.tokens.contiguous(), ends.dense.float().contiguous()
        self._owners = table, dense, weights  # keeps the memory at the addresses below alive
        self._model = _Model(
            shape.vocab_size,
            shape.width,
            shape.heads,
            shape.head_width,
            shape.inner,
            chunk_of(shape),
            shape.layers,
            shape.dimension,
            shape.activation == "gelu",
            shape.normalize,
            self._floor.item(),
            table.data_ptr(),
            weights.data_ptr(),
            dense.data_ptr(),
        )

    def embed(self, batch: Packed) -> Tensor:
        """Compute embeddings (prompts, dimension) float32."""
        vectors = torch.empty(len(batch.starts), self.dimension, dtype=torch.float32, device="cpu")
        self._run(batch, self.bias.of(batch.longest), vectors=vectors)
        return vectors

    def token_states(self, batch: Packed) -> Tensor:
        """Compute states (tokens, width) float32 after the final norm."""
        hidden = torch.empty(len(batch.ids), self.shape.width, dtype=torch.float32, device="cpu")
        self._run(batch, self.bias.of(batch.longest), hidden=hidden)
        return unit_rows(hidden, self._floor) * self._norm

    def _run(self, batch: Packed, bias: Tensor, vectors: Tensor | None = None, hidden: Tensor | None = None) -> None:
        """Run a pass; `bias` (heads, 2 x d + 1) is for the distances from -d to d, and no prompt is longer than d."""
        arguments = BatchFields(
            _address(batch.ids, torch.int64),
            len(batch.ids),
            (GroupFields * len(batch.groups))(*(GroupFields(*group) for group in batch.groups)),
            len(batch.groups),
            _address(bias, torch.float32),
            bias.size(1) // 2,
            _address(batch.pooled, torch.int64),
            _address(batch.starts, torch.int64),
            len(batch.pooled),
            len(batch.starts),
            None if vectors is None else _address(vectors, torch.float32),
            None if hidden is None else _address(hidden, torch.float32),
        )
        failure = self._forward(self._model, arguments, torch.get_num_threads())
        if failure == NO_MEMORY:
            raise MemoryError(f"no memory for a pass of {len(batch.ids)} tokens; give `embed` a smaller `batch_tokens`")
        if failure == UNKNOWN_TOKEN:
            raise IndexError(f"a token's number is beyond the table's {self.shape.vocab_size}: {batch.ids.max()}")
        if failure:
            raise IndexError("a prompt without a token has no embedding; let the tokenizer end a text with one")


def _address(tensor: Tensor, dtype: torch.dtype) -> int:
    """Return the address of a tensor's data. Raises TypeError for a layout that C would misread."""
    if tensor.dtype != dtype or tensor.device.type != "cpu" or not tensor.is_contiguous():
        raise TypeError(f"{dtype} in one piece of memory is read here, not {tensor.dtype} on {tensor.device}")
    return tensor.data_ptr()
