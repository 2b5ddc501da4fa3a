"""Open the compiled int8 kernels, and describe to ctypes what they read. Imports no torch."""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from openclaw_instructor.model.inference.kernels.packed_batch import BatchFields, fields
from openclaw_instructor.model.inference.kernels.sources import digest

LIBRARY = Path(__file__).with_name("int8.so")
# Fastest first. Each is used where the processor has its instructions; an environment variable chooses another one.
KERNELS = ("avx512", "avx_vnni", "avx2", "neon")
CHOICE = "OPENCLAW_INSTRUCTOR_INT8_KERNELS"
# What `int8_forward` returns when it fails.
NO_MEMORY, UNKNOWN_TOKEN, NO_ROWS, TOO_LONG = 1, 2, 3, 4


class LinearFields(ctypes.Structure):
    """`Linear` of `model.h`."""

    _fields_ = fields({ctypes.c_void_p: "panels scales sums bias", ctypes.c_long: "outputs inputs"})


class NormFields(ctypes.Structure):
    """`Norm` of `model.h`."""

    _fields_ = fields({ctypes.c_void_p: "weight bias"})


class LayerFields(ctypes.Structure):
    """`Layer` of `model.h`."""

    _fields_ = fields({LinearFields: "qkv out up down", NormFields: "attention feed"})


class ModelFields(ctypes.Structure):
    """`Model` of `model.h`."""

    _fields_ = [
        *fields(
            {
                ctypes.c_long: "vocabulary positions first_position width heads head_width inner layer_count dimension "
                "activation norm normalizes",
                ctypes.c_float: "epsilon",
                ctypes.c_void_p: "table position_table",
            }
        ),
        ("embedding", NormFields),
        ("layers", ctypes.POINTER(LayerFields)),
        ("dense", ctypes.c_void_p),
    ]


def open_library(path: Path, sources: str) -> ctypes.CDLL | None:
    """Open a library made of the sources with this digest, or return None where it cannot be used."""
    try:
        library = ctypes.CDLL(str(path))
    except OSError:  # there is none, or it needs a newer system
        return None
    library.int8_sources.restype = ctypes.c_char_p
    library.int8_layout.argtypes = (ctypes.c_char_p, *3 * (ctypes.POINTER(ctypes.c_long),))
    library.int8_forward.argtypes = (
        ctypes.c_char_p,
        ctypes.POINTER(ModelFields),
        ctypes.POINTER(BatchFields),
        ctypes.c_long,
    )
    return library if library.int8_sources() == sources.encode() and library.int8_open() else None


@cache
def opened() -> ctypes.CDLL | None:
    """Open the library that was compiled with the package, if it matches these sources."""
    return open_library(LIBRARY, digest(LIBRARY.parent))


def has_amx() -> bool:
    """Whether the processor has AMX for bfloat16; False where the library was not compiled."""
    library = opened()
    return library is not None and bool(library.int8_has_amx())


@dataclass(frozen=True)
class Layout:
    """What the kernels of a name want of weights.

    `panel` outputs side by side; whole numbers up to `steps`; two neighbours of one sign with magnitudes of at most
    `most_of_pair` together, or 0 for no limit.
    """

    name: str
    panel: int
    steps: int
    most_of_pair: int


@cache
def best_layout() -> Layout | None:
    """Return what the fastest kernels that this processor runs want, or None without any."""
    asked = os.environ.get(CHOICE)
    found = (layout_of(name) for name in ((asked,) if asked else KERNELS))
    return next((layout for layout in found if layout), None)


def layout_of(name: str) -> Layout | None:
    """Return what these kernels want, or None if this processor does not run them or they were not compiled."""
    library, numbers = opened(), [ctypes.c_long() for _ in range(3)]
    runs = library is not None and library.int8_layout(name.encode(), *numbers)
    return Layout(name, *(number.value for number in numbers)) if runs else None
