"""The changes in some folders that the operating system tells of."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

LONGEST_BURST_MS = 20_000
# What the system told just now has to reach the watches before they end.
_LAST_MS = 20


class Events:
    """Watches on folders, each without those below it."""

    def __init__(self) -> None:
        self._notify: Any = None
        self._folders: frozenset[str] = frozenset()
        self._untold: set[str] = set()

    def follow(self, folders: frozenset[str], *, anew: bool) -> bool:
        """Watch these folders and no others; return whether that needed new watches, as it always does with `anew`.

        What the watches before saw is told by the next `changed`. Raises FileNotFoundError when a folder has been
        removed, and OSError when the system has no watches left.
        """
        if folders == self._folders and not anew:
            return False
        try:
            # Before the old ones end, so that no change falls between them.
            notify = _watches(folders)
        except FileNotFoundError:
            raise
        except OSError:
            if self._notify is None:
                raise
            # There are not enough for both at once.
            self._end()
            notify = _watches(folders)
        self._end()
        self._notify, self._folders = notify, folders
        return True

    def changed(self, quiet_ms: int, wait_ms: int, stop: threading.Event) -> Iterable[str]:
        """Wait until nothing changes for `quiet_ms` and return what did; nothing after `wait_ms` without changes."""
        untold, self._untold = self._untold, set()
        if untold:
            return untold
        if self._notify is None:
            stop.wait(wait_ms / 1_000)
            return ()
        return self._seen(LONGEST_BURST_MS, quiet_ms, wait_ms, stop)

    def close(self) -> None:
        """Watch nothing any more."""
        if self._notify is not None:
            self._notify.close()
        self._notify, self._folders, self._untold = None, frozenset(), set()

    def _end(self) -> None:
        """End the watches, and keep what they saw and nobody has asked for."""
        if self._notify is not None:
            untold = self._untold | self._seen(_LAST_MS, _LAST_MS, _LAST_MS, threading.Event())
            self.close()
            self._untold = untold

    def _seen(self, longest_ms: int, quiet_ms: int, wait_ms: int, stop: threading.Event) -> set[str]:
        changes = self._notify.watch(longest_ms, quiet_ms, wait_ms, stop)
        return {path for _, path in changes} if isinstance(changes, set) else set()


def _watches(folders: frozenset[str]) -> Any:
    if not folders:
        return None
    from watchfiles._rust_notify import RustNotify

    return RustNotify(sorted(folders), False, False, 300, False, True)
