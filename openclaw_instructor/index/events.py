"""The changes in some folders that the operating system tells of."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

LONGEST_BURST_MS = 20_000


class Events:
    """Watches on folders, each without those below it."""

    def __init__(self) -> None:
        self._notify: Any = None
        self._folders: frozenset[str] = frozenset()

    def follow(self, folders: frozenset[str], *, anew: bool) -> bool:
        """Watch these folders and no others; return whether that needed new watches, as it always does with `anew`.

        Raises FileNotFoundError when a folder has been removed, and OSError when the system has no watches left.
        """
        if folders == self._folders and not anew:
            return False
        self.close()
        if folders:
            from watchfiles._rust_notify import RustNotify

            self._notify = RustNotify(sorted(folders), False, False, 300, False, True)
        self._folders = folders
        return True

    def changed(self, quiet_ms: int, wait_ms: int, stop: threading.Event) -> Iterable[str]:
        """Wait until nothing changes for `quiet_ms` and return what did; nothing after `wait_ms` without changes."""
        if self._notify is None:
            stop.wait(wait_ms / 1_000)
            return ()
        changes = self._notify.watch(LONGEST_BURST_MS, quiet_ms, wait_ms, stop)
        return {path for _, path in changes} if isinstance(changes, set) else ()

    def close(self) -> None:
        """Watch nothing any more."""
        if self._notify is not None:
            self._notify.close()
            self._notify = None
        self._folders = frozenset()
