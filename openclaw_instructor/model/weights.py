"""Read tensors of weight files by name, one at a time, so that the whole file is never in memory."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from openclaw_instructor.errors import InvalidCheckpoint

ZIP = b"PK\3\4"
# Of a .safetensors file: names and shapes, a hundred bytes for each tensor, which read take ten times as much memory.
MAX_HEADER_BYTES = 10_000_000


class SafetensorsFile(Mapping[str, Tensor]):
    """Opens the file anew for each tensor, so that its mapped memory is freed together with the tensor."""

    def __init__(self, path: Path) -> None:
        from safetensors import safe_open

        self._path, self._open = path, safe_open
        try:
            with path.open("rb") as start:
                if (size := int.from_bytes(start.read(8), "little")) > MAX_HEADER_BYTES:
                    raise ValueError(f"its header claims {size:,} bytes")
            with safe_open(path, framework="pt") as file:
                self._names = list(file.keys())
        except Exception as error:  # safetensors has exceptions of its own
            raise damaged(path, error) from None

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._names:
            raise KeyError(name)
        with self._open(self._path, framework="pt") as file:
            tensor: Tensor = file.get_tensor(name)
            return tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def open_weights(paths: Sequence[Path]) -> Mapping[str, Tensor]:
    """Map the tensors of a `.safetensors` or `.bin` file, or of all shards, by name.

    A `.bin` file may hold nothing but tensors. One from before torch 1.6 is not a ZIP file and is read into memory.
    Raises InvalidCheckpoint for a damaged file.
    """
    return ChainMap(*[_open(path) for path in paths])  # type: ignore[arg-type]


def _open(path: Path) -> Mapping[str, Tensor]:
    if path.suffix == ".safetensors":
        return SafetensorsFile(path)
    try:
        with path.open("rb") as file:
            mapped = file.read(len(ZIP)) == ZIP
        loaded: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:  # zipfile, pickle and torch raise various exceptions
        raise damaged(path, error) from None
    return loaded


def damaged(path: Path, error: Exception) -> InvalidCheckpoint:
    """Return the error for a damaged file of weights, with the fix."""
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return InvalidCheckpoint(f"{path} is damaged or incomplete ({reason}); download the checkpoint again")
