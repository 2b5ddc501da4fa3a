"""Reset objects in a forked process, which has none of its parent's threads and may hold copies of their locks."""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class Forkable(Protocol):
    """An object with locks or threads of its own."""

    def after_fork(self) -> None:
        """Drop threads and replace locks; called in the child process, which has one thread."""
        ...


_objects: WeakSet[Forkable] = WeakSet()
_forked = False


def reset_in_child(thing: Forkable) -> None:
    """Call `thing.after_fork()` in every process that is forked off while `thing` lives."""
    _objects.add(thing)


def is_forked() -> bool:
    """Whether this process was forked from one that had imported this module."""
    return _forked


def _after_fork() -> None:
    global _forked
    _forked = True
    for thing in list(_objects):
        thing.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
