"""Describe to ctypes the packed batch that every compiled forward pass reads. Imports no torch."""

from __future__ import annotations

import ctypes


def fields(of: dict[type, str]) -> list[tuple[str, type]]:
    """List the fields of a structure from their types, each with names separated by blanks."""
    return [(name, kind) for kind, names in of.items() for name in names.split()]


class GroupFields(ctypes.Structure):
    """`Group` of the C sources."""

    _fields_ = fields({ctypes.c_long: "start prompts length"})


class BatchFields(ctypes.Structure):
    """`Batch` of the C sources."""

    _fields_ = [
        ("ids", ctypes.c_void_p),
        ("rows", ctypes.c_long),
        ("groups", ctypes.POINTER(GroupFields)),
        ("group_count", ctypes.c_long),
        ("bias", ctypes.c_void_p),
        ("max_distance", ctypes.c_long),
        ("pooled", ctypes.c_void_p),
        ("starts", ctypes.c_void_p),
        ("pooled_count", ctypes.c_long),
        ("prompts", ctypes.c_long),
        ("vectors", ctypes.c_void_p),
        ("hidden", ctypes.c_void_p),
    ]
