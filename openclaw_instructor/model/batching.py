"""Divide prompts into batches and lay them out in one row each. Imports no torch."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from openclaw_instructor.model.prompt import Prompt


class Row(NamedTuple):
    """A batch as lists: `ids`, `pooled` and `starts` as in `packing.Packed`, groups as (start, prompts, length)."""

    ids: list[int]
    pooled: list[int]
    starts: list[int]
    groups: list[tuple[int, int, int]]


def row_of(prompts: Sequence[Prompt], pooling: str) -> Row:
    """Lay out prompts that are sorted by length; `pooling` is as for `packing.Packed.of`."""
    ids: list[int] = []
    pooled: list[int] = []
    starts: list[int] = []
    for prompt in prompts:
        starts.append(len(pooled))
        first = len(ids) + (0 if pooling == "cls" else prompt.pool_from)
        end = len(ids) + len(prompt.ids)
        pooled.extend([first] if pooling == "cls" else [end - 1] if pooling == "lasttoken" else range(first, end))
        ids.extend(prompt.ids)
    groups: list[tuple[int, int, int]] = []
    start = 0
    for length, run in groupby(len(prompt.ids) for prompt in prompts):
        groups.append((start, sum(1 for _ in run), length))
        start += groups[-1][1] * length
    return Row(ids, pooled, starts, groups)


def rounded_up(tokens: int) -> int:
    """Round a number of tokens up to one of about fifty sizes.

    oneDNN keeps a kernel of nearly 1 MB for every number of rows, so arbitrary sizes would fill memory.
    """
    step = 4 if tokens <= 64 else 32 if tokens <= 512 else 64 if tokens <= 1_024 else 128
    return -(-tokens // step) * step


def batches(lengths: Sequence[int], budget: int, cores: int = 1) -> Iterator[list[int]]:
    """Yield the indices of each batch, longest texts first; no batch exceeds `budget` tokens (one text always fits).

    The batches are of about equal size, and their number is a multiple of `cores`, so that no core idles while another
    still works. Each takes the longest texts that still fit. So memory use peaks in the first batch and not after an
    hour, and the room that long texts leave is filled by the best fit: `rounded_up` adds hardly a token, and few sizes
    of pass occur.
    """
    left = _Remaining(lengths)
    tokens = sum(min(length, budget) for length in lengths)
    count = -(-tokens // (budget * cores)) * cores
    while left:
        share = min(budget, rounded_up(-(-tokens // max(1, count))))
        batch: list[int] = []
        taken, fits = 0, left.greatest
        while (index := left.take(fits)) is not None:
            batch.append(index)
            taken += lengths[index]
            fits = share - taken
        yield batch
        tokens, count = tokens - min(taken, budget), count - 1


class _Remaining:
    """Indices not yet taken, by length."""

    def __init__(self, lengths: Sequence[int]) -> None:
        self._of: dict[int, list[int]] = {}
        for index in reversed(range(len(lengths))):
            self._of.setdefault(lengths[index], []).append(index)
        self._lengths = sorted(self._of)

    def __bool__(self) -> bool:
        return bool(self._lengths)

    @property
    def greatest(self) -> int:
        """The greatest remaining length."""
        return self._lengths[-1]

    def take(self, most: int) -> int | None:
        """Remove and return the first index of the greatest length that is at most `most`."""
        at = bisect_right(self._lengths, most) - 1
        if at < 0:
            return None
        length = self._lengths[at]
        index = self._of[length].pop()
        if not self._of[length]:
            del self._of[length], self._lengths[at]
        return index
