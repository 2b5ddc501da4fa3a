"""How far a sync has come, told to whoever watches it."""

from __future__ import annotations

from collections.abc import Callable

# (bytes of changed files done, bytes in all, what is being done)
Progress = Callable[[int, int, str], None]


class Meter:
    """Counts files, passages and tokens of one sync. Texts that were embedded before count no tokens."""

    def __init__(self, watcher: Progress | None, files: int, size: int) -> None:
        """`size` is that of all `files`, in bytes."""
        self._watcher = watcher
        self._files, self._size = files, size
        self._files_done = self._size_done = self._passages = self._tokens = 0
        self._seconds = 0.0

    def done(self, size: int, passages: int = 0) -> None:
        """Count a file that is finished."""
        self._files_done += 1
        self._size_done += size
        self._passages += passages

    def embedded(self, tokens: int, seconds: float) -> None:
        """Count tokens that the model has read."""
        self._tokens += tokens
        self._seconds += seconds

    def tell(self, what: str, ahead: int = 0) -> None:
        """Tell what is being done; `ahead` bytes of it are done without a whole file being so."""
        if self._watcher is None:
            return
        counts = [f"{self._files_done:,} of {self._files:,} files", f"{self._passages:,} passages"]
        if self._seconds:
            counts.append(f"{self._tokens / self._seconds:,.0f} tokens/s")
        self._watcher(self._size_done + ahead, self._size, f"{', '.join(counts)}; {what}")
