"""The layers on AMX's tiles, in C: what torch's own kernels leave of such a processor is more than half.

`forward.c` runs a whole pass: activations stay in the order in which tiles are loaded, from one product to the next,
and in the second cache; attention needs no matrix of biases; a short query's parts go to whichever core is free, so
that it takes little longer than reading the weights. A row's result does not depend on its neighbours, to the bit.

It is compiled when the package is built (`build.py`). Without it, and for other processors and formats, torch's kernels
serve (`served.py`).
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from openclaw_instructor.model.device import has_tiles
from openclaw_instructor.model.inference.kernels.amx.sources import digest

if TYPE_CHECKING:
    from openclaw_instructor.model.checkpoint import Shape
    from openclaw_instructor.model.networks.t5 import Encoder
    from openclaw_instructor.model.packing import Packed

LIBRARY = Path(__file__).with_name("tiles.so")

# Channels of a tile's row, and of a panel of a weight.
STEP = 32
# Most channels of a feed-forward that are computed before they are multiplied on, most tokens of a pass, and most
# numbers of its stream: what a core reads again and again then fits into its second cache, more or less.
CHUNK, PASS_TOKENS, PASS_NUMBERS = 512, 512, 512 * 768
# Outputs of the dense product that are computed at a time.
OUTPUTS = 16
# A large page; the system aligns room that is a multiple of it.
PAGE = 2 << 20
# What `tiles_forward` gives back when it did not go through.
NO_MEMORY, UNKNOWN_TOKEN = 1, 2


def _fields(of: dict[type, str]) -> list[tuple[str, type]]:
    return [(name, kind) for kind, names in of.items() for name in names.split()]


class _Model(ctypes.Structure):
    _fields_ = _fields(
        {
            ctypes.c_long: "vocabulary width heads head_width inner chunk layers dimension has_gelu normalizes",
            ctypes.c_float: "floor",
            ctypes.c_void_p: "table weights dense",
        }
    )


class _Group(ctypes.Structure):
    _fields_ = _fields({ctypes.c_long: "start prompts length"})


class _Batch(ctypes.Structure):
    _fields_ = [
        ("ids", ctypes.c_void_p),
        ("rows", ctypes.c_long),
        ("groups", ctypes.POINTER(_Group)),
        ("group_count", ctypes.c_long),
        ("bias", ctypes.c_void_p),
        ("reach", ctypes.c_long),
        ("pooled", ctypes.c_void_p),
        ("starts", ctypes.c_void_p),
        ("pooled_count", ctypes.c_long),
        ("prompts", ctypes.c_long),
        ("vectors", ctypes.c_void_p),
        ("hidden", ctypes.c_void_p),
    ]


@cache
def _library() -> ctypes.CDLL | None:
    """The compiled layers, where they are of these sources and the system gives a process the tiles."""
    try:
        library = ctypes.CDLL(str(LIBRARY))
    except OSError:  # there is none, or it is of a newer system
        return None
    library.tiles_sources.restype = ctypes.c_char_p
    library.tiles_forward.argtypes = (ctypes.POINTER(_Model), ctypes.POINTER(_Batch), ctypes.c_long)
    of_these = library.tiles_sources() == digest(LIBRARY.parent).encode()
    return library if of_these and library.tiles_open() else None


def serves(device: torch.device) -> bool:
    """Whether it is a processor with such tiles, and the layers were compiled."""
    return _has_what_it_takes(device) and _library() is not None


def missing(device: torch.device) -> bool:
    """Whether the processor has tiles for which nothing was compiled."""
    return _has_what_it_takes(device) and _library() is None


def _has_what_it_takes(device: torch.device) -> bool:
    return sys.platform == "linux" and has_tiles(device) and bool(torch.cpu._is_avx512_bf16_supported())


def pays(dtype: torch.dtype, device: torch.device, shape: Shape) -> bool:
    """Whether the layers of a checkpoint run here, in this format."""
    whole = all(channels % STEP == 0 for channels in (shape.width, shape.head_width, shape.inner))
    return whole and shape.dimension % OUTPUTS == 0 and dtype == torch.bfloat16 and serves(device)


def pass_tokens(width: int) -> int:
    """How many tokens suit a pass."""
    return min(PASS_TOKENS, PASS_NUMBERS // width)


class Weights:
    """All layers' weights in the order in which a pass reads them, one row of bfloat16 for each layer."""

    def __init__(self, shape: Shape) -> None:
        self._shape, self._chunk = shape, chunk_of(shape)
        inside = shape.heads * shape.head_width
        numbers = shape.layers * (4 * inside * shape.width + 2 * shape.inner * shape.width)
        self.rows = _in_large_pages(numbers).view(shape.layers, -1)
        self._added = 0

    def add(self, qkv: Tensor, out: Tensor, up: Tensor, down: Tensor) -> None:
        """Those of the next layer, each (out, in)."""
        parts = [qkv.unflatten(0, (3, self._shape.heads, -1)).transpose(0, 1).flatten(0, 2), out]
        for some in range(0, self._shape.inner, self._chunk):
            parts += [up[some : some + self._chunk], down[:, some : some + self._chunk]]
        row = self.rows[self._added]
        for part, target in zip(parts, row.split([part.numel() for part in parts]), strict=True):
            _panels(part, target)
        self._added += 1


def chunk_of(shape: Shape) -> int:
    """Channels of the feed-forward that are computed before they are multiplied on."""
    return max(channels for channels in range(STEP, CHUNK + 1, STEP) if shape.inner % channels == 0)


def _panels(weight: Tensor, into: Tensor) -> None:
    """For every 32 outputs and every 32 inputs the two tiles that `gemm.h` describes."""
    n, k = weight.size(0) // STEP, weight.size(1) // STEP
    tiles = weight.unflatten(1, (k, 16, 2)).unflatten(0, (n, 2, 16))
    into.view(n, k, 2, 16, 16, 2).copy_(tiles.permute(0, 3, 1, 4, 2, 5))


def _in_large_pages(numbers: int) -> Tensor:
    """Room for numbers of bfloat16, in large pages if the system has them: reading them is a quarter faster."""
    room = -(-2 * numbers // PAGE) * PAGE
    pages = mmap.mmap(-1, room, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    # Some kernels have none.
    with suppress(OSError, AttributeError):
        pages.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(pages, dtype=torch.bfloat16, count=numbers)


class OnTiles:
    """The passes of an encoder whose layers' weights are these."""

    def __init__(self, encoder: Encoder, weights: Weights) -> None:
        library = _library()
        assert library is not None
        self._forward = library.tiles_forward
        self._shape = shape = encoder.shape
        # What the addresses below belong to.
        table = encoder.tokens.weight.detach().contiguous()
        dense = encoder.dense.weight.detach().float().contiguous()
        self._kept = table, dense, weights.rows
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
            encoder.norm.floor.item(),
            table.data_ptr(),
            weights.rows.data_ptr(),
            dense.data_ptr(),
        )

    def hidden(self, batch: Packed, bias: Tensor) -> Tensor:
        """Token states (tokens, width) float32 before the final norm; `bias` (heads, 2 x reach + 1) float32 is that of
        distances from -reach on, and no prompt is longer than reach. Rows of no prompt hold anything. Raises
        MemoryError; IndexError for tokens that the table does not have."""
        hidden = torch.empty(len(batch.ids), self._shape.width, dtype=torch.float32, device="cpu")
        self._run(batch, bias, hidden=hidden)
        return hidden

    def embed(self, batch: Packed, bias: Tensor) -> Tensor:
        """Embeddings (prompts, dimension) float32."""
        vectors = torch.empty(len(batch.starts), self._shape.dimension, dtype=torch.float32, device="cpu")
        self._run(batch, bias, vectors=vectors)
        return vectors

    def _run(self, batch: Packed, bias: Tensor, vectors: Tensor | None = None, hidden: Tensor | None = None) -> None:
        called = _Batch(
            _address(batch.ids, torch.int64),
            len(batch.ids),
            (_Group * len(batch.groups))(*(_Group(*group) for group in batch.groups)),
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
        failure = self._forward(self._model, called, torch.get_num_threads())
        if failure == NO_MEMORY:
            raise MemoryError(f"no memory for a pass of {len(batch.ids)} tokens; give `embed` a smaller `batch_tokens`")
        if failure == UNKNOWN_TOKEN:
            raise IndexError(f"a token's number is beyond the table's {self._shape.vocab_size}: {batch.ids.max()}")
        if failure:
            raise IndexError("a prompt without a token has no embedding; let the tokenizer end a text with one")


def _address(tensor: Tensor, dtype: torch.dtype) -> int:
    """Where C finds the numbers. Raises TypeError where it would find others."""
    if tensor.dtype != dtype or tensor.device.type != "cpu" or not tensor.is_contiguous():
        raise TypeError(f"{dtype} in one piece of memory is read here, not {tensor.dtype} on {tensor.device}")
    return tensor.data_ptr()
