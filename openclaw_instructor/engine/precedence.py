"""Let a search go before the other work of this process, which shares Python's lock and the cores with it.

Whoever searches says so; work that can wait, such as reading files for a sync, gives way between its slices.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

SLICE = 0.005  # seconds of work after which a thread gives way
PATIENCE = 0.02  # seconds for which it does so at most, so that it goes on however many searches there are

_NICE = 7  # a thread that stands back gets a fifth of the time that another has on a busy core

_changed = threading.Condition()
_running = 0
_own = threading.local()


@contextmanager
def urgent() -> Iterator[None]:
    """Count the code of the `with` block as work that goes first."""
    global _running
    with _changed:
        _running += 1
    try:
        yield
    finally:
        with _changed:
            _running -= 1
            if not _running:
                _changed.notify_all()


def give_way() -> None:
    """Wait a moment if something urgent is running, unless this thread waited only just before."""
    if not _running or time.monotonic() - getattr(_own, "waited", 0.0) < SLICE:
        return
    with _changed:
        _changed.wait_for(lambda: not _running, PATIENCE)
    _own.waited = time.monotonic()


def stand_back() -> None:
    """Let this thread, as long as it lives, have a core after the other threads of the process; on Linux only.

    Elsewhere priorities are those of whole processes.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0) + _NICE)
