"""Define what the handlers of every route work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from openclaw_instructor.server.metrics import Metrics
from openclaw_instructor.server.sessions import Sessions
from openclaw_instructor.server.threadpool import ThreadPool
from openclaw_instructor.service import Toolbox

Health = Callable[[bool], dict[str, Any]]
"""The body of /health; True for a caller who is known."""


@dataclass(frozen=True)
class Context:
    """`prove` answers a challenge on a port; `base_url` is where a browser of this machine reaches the service."""

    toolbox: Toolbox
    threads: ThreadPool
    metrics: Metrics
    health: Health
    sessions: Sessions
    prove: Callable[[str, int], str]
    base_url: Callable[[], str]


class Handlers:
    """Base of handlers that run what the toolbox offers in threads."""

    def __init__(self, context: Context) -> None:
        self._threads = context.threads
        self._toolbox = context.toolbox
