"""Report the state of registry, index and model for `/health`."""

from __future__ import annotations

import os
import time
from typing import Any

from openclaw_instructor import __version__
from openclaw_instructor.errors import InstructorError
from openclaw_instructor.server.logs import LogFile
from openclaw_instructor.service import Toolbox


class DaemonHealth:
    """The state of one daemon. `configuration_problem` is set while an edit of the configuration is not in effect."""

    def __init__(self, toolbox: Toolbox, log: LogFile) -> None:
        self._toolbox = toolbox
        self._log = log
        self._started = time.monotonic()
        self.configuration_problem: str | None = None

    def report(self, known: bool) -> dict[str, Any]:
        """Return the body of `/health`. Paths and names are only for callers `known` by their token."""
        toolbox = self._toolbox
        registry = toolbox.registry
        answer: dict[str, Any] = {
            "status": "ok",
            "version": __version__,
            "pid": os.getpid(),
            "uptime_seconds": round(time.monotonic() - self._started, 1),
            "registry": {"ok": registry.problem is None, "tasks": len(registry.tasks)},
            "index": self._index_state(),
            "model": {"loaded": toolbox.engine.loaded, "loading": toolbox.engine.loading},
            "log_lines_lost": self._log.lost,
        }
        if known:
            answer["registry"]["problem"] = registry.problem
            answer["configuration_problem"] = self.configuration_problem
            answer["cache_problem"] = toolbox.engine.stats()["cache_problem"]
            answer["checkpoint"] = toolbox.settings.checkpoint
            answer["home"] = str(toolbox.settings.home)
        return answer

    def _index_state(self) -> dict[str, Any]:
        toolbox = self._toolbox
        if not toolbox.settings.index_path.exists():
            return {"ok": True, "collections": 0}
        try:
            # Staleness needs an opened checkpoint, and opening it may be a download for which callers would wait.
            if not toolbox.engine.opened:
                return {"ok": True, "collections": len(toolbox.index.names())}
            states = toolbox.index_status(check=False)
        except InstructorError as error:
            return {"ok": False, "problem": error.code}
        return {"ok": True, "collections": len(states), "stale": sum(state.stale for state in states)}
