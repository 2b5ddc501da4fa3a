"""Run work on snapshots in a thread of their own, one after another, so that no search waits for it."""

from __future__ import annotations

import atexit
import logging
import queue
import threading
from collections.abc import Callable
from typing import TypeAlias

_log = logging.getLogger(__name__)
_IDLE_SECONDS = 5.0

# What is done; it asks from time to time whether to go on.
Job: TypeAlias = Callable[[Callable[[], bool]], None]


class Background:
    """Jobs by name. A name that waits is not added again. The thread ends when there is nothing to do."""

    def __init__(self) -> None:
        self._jobs: queue.Queue[str | None] = queue.Queue()
        self._waiting: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()

    def request(self, name: str, job: Job) -> None:
        """Run a job soon, unless one of this name is waiting."""
        with self._lock:
            if self._stopped.is_set() or name in self._waiting:
                return
            self._waiting[name] = job
            self._jobs.put(name)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="vectors", daemon=True)
                self._thread.start()
                # The interpreter must not end while FAISS works in a thread.
                atexit.register(self.stop)

    def stop(self) -> None:
        """Drop what waits, and wait until the job that runs has noticed."""
        self._stopped.set()
        with self._lock:
            thread = self._thread
            self._jobs.put(None)
        atexit.unregister(self.stop)
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _go_on(self) -> bool:
        return not self._stopped.is_set()

    def _work(self) -> None:
        while self._go_on():
            try:
                name = self._jobs.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                with self._lock:
                    if self._jobs.empty():
                        self._thread = None
                        return
                continue
            if name is None:
                return
            with self._lock:
                job = self._waiting.pop(name)
            try:
                job(self._go_on)
            except Exception:
                # Everything here can be done again by the next search or sync.
                _log.warning("work on the vectors of %s failed", name, exc_info=True)
