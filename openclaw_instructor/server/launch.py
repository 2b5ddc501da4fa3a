"""Define how a daemon is started, what it reports to its starter, and why it ends."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from openclaw_instructor.settings import Settings

OnTasksChanged = Callable[[Settings], str | None]


@dataclass(frozen=True)
class Launch:
    """How a daemon is started, by its command line.

    `again` gives the command that starts the process anew on a port, after an edit of the configuration. `ready_fd`
    receives one line of JSON once requests are answered, or the error that prevents it. `lock_fd` is the lock of a
    process that started itself anew. `on_tasks_changed` runs in a thread at the start and after each edit of the tasks;
    the line that it returns is logged.
    """

    load: Callable[[], Settings]
    again: Callable[[Settings, int], Sequence[str]]
    foreground: bool = False
    ready_fd: int | None = None
    lock_fd: int | None = None
    on_tasks_changed: OnTasksChanged = lambda settings: None


@dataclass(frozen=True)
class Ending:
    """Why a daemon stopped serving `port`: for good, or to start anew there with edited settings."""

    port: int
    restart: bool


def tell(descriptor: int | None, words: dict[str, Any]) -> None:
    """Write one line to the process that started this one, which may have ended."""
    if descriptor is None:
        return
    with contextlib.suppress(OSError), os.fdopen(descriptor, "w", encoding="utf-8") as pipe:
        pipe.write(json.dumps(words) + "\n")
