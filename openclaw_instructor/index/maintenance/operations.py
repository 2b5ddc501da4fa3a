"""Verify, repair, back up and restore the index of a home, whatever its state."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_instructor import lock
from openclaw_instructor.errors import StoreError, VectorsUnavailable
from openclaw_instructor.index import collections, replacement, store_errors
from openclaw_instructor.index.maintenance import backup, mending, salvage, transfer, verification
from openclaw_instructor.index.read_only_store import ReadOnlyStore, open_store
from openclaw_instructor.index.store import Store
from openclaw_instructor.index.vectors import engines
from openclaw_instructor.index.vectors.protocol import KeepsFiles, VectorEngine, View

if TYPE_CHECKING:
    from openclaw_instructor.engine import Engine
    from openclaw_instructor.index.maintenance.verification import Problem
    from openclaw_instructor.settings import Settings

_LOCK_PATIENCE_SECONDS = 600.0


class Maintenance:
    """Looks after the index of a home, also one that is too damaged to be opened; others may use it meanwhile."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine
        self._path = settings.index_path

    def verify(self, *, full: bool = False) -> dict[str, Any]:
        """Check everything; return `ok`, `problems`, what was `checked`, the command that mends it (`fix`), `notes`.

        With `full`, the full text is compared word by word, which takes as long as making it anew.
        Raises StoreError when the index cannot be opened for another reason than damage.
        """
        notes: list[str] = []
        try:
            with contextlib.closing(open_store(self._path)) as store:
                if isinstance(store, ReadOnlyStore):
                    notes.append("this home cannot be written, so the full text was only checked for what it lacks")
                problems, checked = self._problems(store, notes, full=full)
        except store_errors.Damaged as error:
            problems, checked = [verification.Problem("file", error.what)], {}
        fix = f"openclaw-instructor index repair{' --full' if full else ''}" if problems else ""
        said = [problem.as_dict() for problem in problems]
        return {"ok": not problems, "problems": said, "checked": checked, "fix": fix, "notes": notes}

    def repair(self, *, full: bool = False) -> dict[str, Any]:
        """Mend what can be mended; return what was `done`, the damaged file that was `kept`, and what is `to_sync`.

        With `full`, the full text is made anew in any case. Waits while another process syncs. What was lost is in the
        files, and is read again by a sync of those in `to_sync`. Raises StoreError and what the engine raises.
        """
        done: list[str] = []
        with self._alone("repairing the index"):
            damage = self._damage()
            kept = None
            if damage is not None:
                done.append(f"the file was damaged: {damage}")
                kept = self._salvage(done)
            with self._opened() as store:
                mended = mending.mend(store, self._engine, full=full)
                done += mended.done
                self._rebuild_snapshots(store, done)
        return {"done": done, "kept": str(kept) if kept else None, "to_sync": sorted(mended.to_sync)}

    def backup(self, file: Path) -> dict[str, Any]:
        """Copy the index to a file, which is checked; return its name, bytes and counts.

        Raises InvalidArguments, StoreError and Busy.
        """
        with contextlib.closing(open_store(self._path)) as store:
            return backup.write(store, file)

    def restore(self, file: Path) -> dict[str, Any]:
        """Put a backup in the place of the index, which is kept beside it; return both names and counts.

        Waits while another process syncs. Raises UnreadableSource, InvalidArguments and StoreError.
        """
        with self._alone("restoring the index"):
            fresh = backup.staged(file, self._path)
            try:
                counts = backup.checked(fresh)
                kept = replacement.free_name(self._path, "before-restore")
                self._replace(fresh, kept)
            finally:
                fresh.unlink(missing_ok=True)
        with self._opened():
            return {"restored": str(file), "kept": str(kept) if kept.exists() else None, **counts}

    def export(self, file: Path, names: Sequence[str] = ()) -> dict[str, Any]:
        """Export these collections, or all, to a file that `take` reads on any machine; return its name and counts.

        Raises UnknownCollection, InvalidArguments and StoreError.
        """
        with contextlib.closing(open_store(self._path)) as store:
            return transfer.export(store, names, file)

    def take(self, file: Path, moved: Mapping[str, str] | None = None, *, replace: bool = False) -> dict[str, Any]:
        """Import the collections of an export; `moved` maps folders of before to those of now.

        `replace` drops collections of the same names first. All are taken or, after any error, none. Raises
        InvalidData, IdentityMismatch, InvalidArguments and StoreError.
        """
        with self._alone("importing collections"), self._opened() as store:
            return transfer.take(store, file, transfer.Taken(self._engine, moved or {}, replace))

    @contextmanager
    def _alone(self, doing: str) -> Iterator[None]:
        self._settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with lock.exclusive(self._settings.home / "sync.lock", _LOCK_PATIENCE_SECONDS, doing):
            yield

    @contextmanager
    def _opened(self) -> Iterator[Store]:
        with contextlib.closing(Store(self._path)) as store:
            yield store

    def _problems(self, store: Store, notes: list[str], *, full: bool) -> tuple[list[Problem], dict[str, int]]:
        with store.read() as connection:
            problems = verification.file_problems(connection)
            if any(problem.part == "file" for problem in problems):
                return problems, {}
            problems += verification.row_problems(connection)
            checked = verification.counts(connection)
            writable = not isinstance(store, ReadOnlyStore)
            if full and writable:
                problems += verification.word_problems(connection)
            for view in _views(connection):
                try:
                    problems += [verification.Problem("vector files", said) for said in self._compared(view)]
                except VectorsUnavailable as error:
                    notes.append(f"the vectors of `{view.collection.name}` were not compared: {error.message}")
        return problems + (verification.fulltext_problems(store) if writable else []), checked

    def _compared(self, view: View) -> list[str]:
        with contextlib.closing(self._vectors()) as engine:
            return engine.verify(view) if isinstance(engine, KeepsFiles) else []

    def _vectors(self) -> VectorEngine:
        return engines.of(self._settings)

    def _damage(self) -> str | None:
        """Say why the file cannot be used as it is; None when it can."""
        try:
            with self._opened() as store, store.read() as connection:
                problems = [p for p in verification.file_problems(connection) if p.part == "file"]
                verification.counts(connection)
        except store_errors.Damaged as error:
            return error.what
        return problems[0].message if problems else None

    def _salvage(self, done: list[str]) -> Path:
        """Replace the file by a new one with everything that can be read; return where the damaged one is kept."""
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}.tmp")
        kept = replacement.free_name(self._path, "damaged")
        try:
            found = salvage.salvage(self._path, fresh)
            self._replace(fresh, kept)
        finally:
            fresh.unlink(missing_ok=True)
        tables = ("collections", "documents", "chunks", "vectors")
        saved = (f"{found[each]:,} {each if found[each] != 1 else each.removesuffix('s')}" for each in tables)
        done.append(f"saved {', '.join(saved)}")
        return kept

    def _replace(self, fresh: Path, kept: Path) -> None:
        """Replace the file while nobody writes to it, as far as its state allows to keep them out."""
        with contextlib.ExitStack() as stack:
            if self._path.exists():
                with contextlib.suppress(StoreError):
                    old = stack.enter_context(contextlib.closing(Store(self._path)))
                    old.merge_log()
                    stack.enter_context(old.write())
            replacement.put(self._path, fresh, kept)

    def _rebuild_snapshots(self, store: Store, done: list[str]) -> None:
        with store.read() as connection:
            said = [problem for view in _views(connection) for problem in self._compared(view)]
        if not said:
            return
        with contextlib.closing(self._vectors()) as engine:
            engine.keep({})
            # Under another key no process takes what it has in memory for the vectors of the index.
            with store.write() as connection:
                connection.execute("UPDATE generations SET key = lower(hex(randomblob(8)))")
            with store.read() as connection:
                for view in _views(connection):
                    engine.update(view)
        done.append(f"made {len(said):,} vector files anew")


def _views(connection: Any) -> list[View]:
    found = collections.collections(connection)
    return [View(connection, known, known.serving) for known in found if known.serving]
