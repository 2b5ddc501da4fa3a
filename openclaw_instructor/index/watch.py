"""Follow the files of all collections while a process lives, and sync a collection when they have changed.

The system tells of changes in the folders that a walk lists, and in no others: what is ignored costs no watch. A sync
waits until a burst of changes is over, so that ten thousand of them cost one. Where the system tells nothing, because
of the kind of the disk or because it has no watches left, names and times are compared now and then.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from openclaw_instructor import lock
from openclaw_instructor.errors import InstructorError
from openclaw_instructor.index.disks import Disk, disk_of
from openclaw_instructor.index.events import Events

if TYPE_CHECKING:
    from openclaw_instructor.index.index import Index
    from openclaw_instructor.index.results import SyncReport
    from openclaw_instructor.index.status import Look

logger = logging.getLogger(__name__)

Mode: TypeAlias = Literal["local", "all", "off"]

QUIET_MS = 250  # without another change, after which a burst of changes is over
LOOK_SECONDS = 1.0  # between checks for new collections
POLL_SECONDS = 30.0
RETRY_SECONDS = 30.0
LONG_SYNC_SECONDS = 1.0
# With more changes than that, everything is looked at.
MANY_FILES = 1_000
# A file that changes all the time, such as a log, is read at the latest after this long.
BUSY_ROUNDS = 4
BUSY_PAUSE_SECONDS = 0.8
BUSY_LONGEST_SECONDS = 10.0


@dataclass
class _Watched:
    """A collection that is watched. `pending`: changed path -> when it changed last."""

    name: str
    folders: frozenset[str] = frozenset()
    hidden: bool = False
    polled: bool = False
    absent: bool = False
    next_poll: float = 0.0
    pending: dict[str, float] = field(default_factory=dict)
    since: float = 0.0
    retry: float = 0.0
    failure: str | None = None
    stuck: frozenset[str] = frozenset()


class Watcher:
    """Keeps the collections of an index up to date with their files, in a thread."""

    def __init__(
        self,
        index: Callable[[], Index],
        sync: Callable[[str, Sequence[str] | None], SyncReport | None],
        index_path: Path,
        mode: Mode = "local",
    ) -> None:
        """Follow the collections of an index.

        `index` opens it, once it is there. `sync` is called with the name of a collection whose files have changed, and
        with these files where nothing else can have; it may leave that to somebody else, and returns None then.

        With `mode` `local`, collections on disks of other machines are left out; `all` compares them now and then.
        """
        self._index = index
        self._sync = sync
        self._path = index_path
        self._mode = mode
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._watched: dict[str, _Watched] = {}
        self._catalog: Any = None
        self._seen: Any = None
        self._events = Events()
        self._remade = False
        self._rounds: dict[str, tuple[int, float]] = {}
        self._no_events = False
        self.syncing = False

    def start(self) -> None:
        """Start the thread, unless the mode is `off`."""
        if self._mode != "off":
            self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
            self._thread.start()

    def stop(self, seconds: float = 5.0) -> None:
        """Stop, also during a sync, which the next one completes."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._round()
            except CancelledError:
                return
            except Exception as error:
                if isinstance(error, InstructorError):
                    logger.warning("the files cannot be followed: %s", error.code)
                elif not self._stop.is_set():
                    logger.exception("following the files failed")
                self._catalog = None
                self._stop.wait(RETRY_SECONDS)
        self._events.close()

    def _round(self) -> None:
        if not self._path.exists():
            self._stop.wait(LOOK_SECONDS)
            return
        self._follow_catalog()
        self._note(self._changes())
        for watched in list(self._watched.values()):
            if self._stop.is_set():
                return
            if (watched.polled or watched.absent) and time.monotonic() >= watched.next_poll:
                self._look(watched)
            elif self._due(watched):
                self._update(watched)

    def _follow_catalog(self) -> None:
        """Update the list of watched collections."""
        seen = _stamp(self._path)
        if seen == self._seen:
            return
        self._seen = seen
        catalog = self._index().followed()
        if catalog == self._catalog:
            return
        self._catalog = catalog
        kept = self._watched
        self._watched = {name: kept.get(name) or _Watched(name) for name, _ in catalog}
        for name, roots in catalog:
            watched = self._watched[name]
            kinds = {disk_of(root.path) for root in roots}
            if Disk.REMOTE in kinds and self._mode != "all":
                del self._watched[name]
                continue
            watched.polled = self._no_events or kinds != {Disk.EVENTS}
            watched.hidden = any("." in {part[:1] for p in root.include for part in p.split("/")} for root in roots)
            self._look(watched)
        self._index().watched = {
            name: "polling" if watched.polled else "events" for name, watched in self._watched.items()
        }

    def _look(self, watched: _Watched) -> None:
        """Compare names and times; sync where they differ. Then follow the folders that there are."""
        started = time.monotonic()
        if self._compared(watched) - watched.stuck:
            self._update(watched)
            # What cannot be read differs for ever.
            watched.stuck = self._compared(watched) if watched.polled else frozenset()
        elif self._renewed() and self._compared(watched):
            # Changes from before the watch was set up.
            watched.pending[""] = 0.0
        watched.next_poll = time.monotonic() + max(POLL_SECONDS, 20 * (time.monotonic() - started))

    def _compared(self, watched: _Watched) -> frozenset[str]:
        return self._saw(watched, self._index().look(watched.name))

    def _saw(self, watched: _Watched, look: Look) -> frozenset[str]:
        watched.folders = frozenset(look.folders)
        watched.absent = bool(look.absent)
        return frozenset(look.changed)

    def _update(self, watched: _Watched) -> None:
        """Sync, and once more when new folders were found, whose files may be older than the watch on them."""
        if lock.held(self._path.parent / "sync.lock"):
            watched.pending = watched.pending or {"": 0.0}
            watched.retry = time.monotonic() + LOOK_SECONDS
            return
        paths = self._files(watched)
        watched.pending.clear()
        started = time.monotonic()
        self.syncing = True
        try:
            self._report(watched, self._sync(watched.name, paths))
            if (seen := self._index().seen.get(watched.name)) is not None:
                self._saw(watched, seen)
            if self._renewed() and self._compared(watched):
                watched.pending[""] = 0.0
            watched.failure = None
        except InstructorError as error:
            if error.code != watched.failure:
                logger.warning("%s could not be synced: %s", watched.name, error.code)
            watched.failure = error.code
            watched.pending[""] = 0.0
            watched.retry = time.monotonic() + RETRY_SECONDS
        finally:
            self.syncing = False
        # A large collection in which something happens all the time leaves the machine to others too.
        if (took := time.monotonic() - started) > LONG_SYNC_SECONDS:
            watched.retry = max(watched.retry, time.monotonic() + took)

    def _files(self, watched: _Watched) -> list[str] | None:
        """List what has changed if it is files and nothing else: no folder, and no rules on what is left out."""
        paths = list(watched.pending)
        if not paths or len(paths) > MANY_FILES or self._remade:
            return None
        for path in paths:
            folder, _, name = path.rpartition("/")
            if not path or name == ".gitignore" or folder not in watched.folders or Path(path).is_dir():
                return None
        return paths

    def _report(self, watched: _Watched, report: SyncReport | None) -> None:
        if report is None:
            watched.retry = time.monotonic() + RETRY_SECONDS
            return
        (done,) = report.collections
        counts = (done.added, done.changed, done.removed)
        logger.info("synced %s: %d added, %d changed, %d removed", watched.name, *counts)

    def _renewed(self) -> bool:
        """Renew the watches of the system; return whether there are new folders."""
        wanted = frozenset().union(*(watched.folders for watched in self._watched.values() if not watched.polled))
        anew, self._remade = self._remade, False
        try:
            return self._events.follow(wanted, anew=anew)
        except FileNotFoundError:
            # A folder was removed meanwhile.
            self._catalog = self._seen = None
        except OSError as error:
            logger.warning("the system tells of no more changes (%s); names and times are compared instead", error)
            self._no_events, self._catalog, self._seen = True, None, None
        return True

    def _changes(self) -> Iterable[str]:
        """Wait for a burst of changes to end and return their paths; none after a while without changes."""
        wait = QUIET_MS if any(watched.pending for watched in self._watched.values()) else int(1_000 * LOOK_SECONDS)
        return self._events.changed(QUIET_MS, wait, self._stop)

    def _note(self, paths: Iterable[str]) -> None:
        """Add changed paths to the collections that may contain them."""
        now = time.monotonic()
        for path in paths:
            rounds, last = self._rounds.get(path, (0, 0.0))
            self._rounds[path] = (rounds + 1 if now - last < 2 * BUSY_PAUSE_SECONDS else 1, now)
            folder, _, name = path.rpartition("/")
            for watched in self._watched.values():
                # A folder made anew under its old name, or a link that leads elsewhere, is not watched any more.
                self._remade |= path in watched.folders
                told = folder in watched.folders or path in watched.folders
                if told and (watched.hidden or not name.startswith(".") or name == ".gitignore"):
                    watched.since = watched.since if watched.pending else now
                    watched.pending[path] = now
        if len(self._rounds) > 1_000 or not any(watched.pending for watched in self._watched.values()):
            self._rounds = {path: seen for path, seen in self._rounds.items() if now - seen[1] < 2 * BUSY_PAUSE_SECONDS}

    def _due(self, watched: _Watched) -> bool:
        """Whether the changes have settled."""
        now = time.monotonic()
        if not watched.pending or now < watched.retry:
            return False
        if now - watched.since > BUSY_LONGEST_SECONDS:
            return True
        busy = [path for path in watched.pending if self._rounds.get(path, (0, 0.0))[0] >= BUSY_ROUNDS]
        resting = all(now - watched.pending[path] > BUSY_PAUSE_SECONDS for path in busy)
        return resting or len(busy) < len(watched.pending)


def _stamp(path: Path) -> object:
    """Read a stamp that changes whenever the index is written."""
    found: list[tuple[int, int, int] | None] = []
    for name in (path, f"{path}-wal"):
        try:
            status = Path(name).stat()
        except OSError:
            found.append(None)
        else:
            found.append((status.st_ino, status.st_mtime_ns, status.st_size))
    return found
