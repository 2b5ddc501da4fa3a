"""Cancel all work of a caller together, when the caller goes away."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from weakref import WeakSet

_current: ContextVar[CancelScope | None] = ContextVar("openclaw_instructor_cancel_scope", default=None)


class CancelScope:
    """Collects the engine's futures of the code run inside `with scope.entered():`; `cancel()` cancels them all.

    Code inside then sees `concurrent.futures.CancelledError`, also for work it submits later.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._futures: WeakSet[Future[Any]] = WeakSet()
        self.cancelled = False

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Make this the scope of the code inside the `with` block."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    def cancel(self) -> None:
        """Cancel every collected future, and those still to come."""
        with self._lock:
            self.cancelled = True
            futures = list(self._futures)
        for future in futures:
            future.cancel()

    def add(self, future: Future[Any]) -> None:
        """Collect a future; cancel it at once if the scope is cancelled."""
        with self._lock:
            self._futures.add(future)
            cancelled = self.cancelled
        if cancelled:
            future.cancel()


def register(future: Future[Any]) -> None:
    """Add a future to the current scope, if there is one."""
    scope = _current.get()
    if scope is not None:
        scope.add(future)


def is_cancelled() -> bool:
    """Whether the caller of the code that runs now has gone away."""
    scope = _current.get()
    return scope is not None and scope.cancelled
