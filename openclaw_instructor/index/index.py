"""Manage the index of a home: add collections, sync them with their files, search them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_instructor import lock
from openclaw_instructor.engine import precedence
from openclaw_instructor.errors import VectorsUnavailable
from openclaw_instructor.index import (
    collections,
    empty_results,
    file_states,
    inspection,
    roots,
    staleness,
    status,
)
from openclaw_instructor.index.answering import Answering, Asked
from openclaw_instructor.index.catalogue import Catalogue
from openclaw_instructor.index.file_states import FileState
from openclaw_instructor.index.filters import Filter
from openclaw_instructor.index.path_filter import PathFilter
from openclaw_instructor.index.read_only_store import open_store
from openclaw_instructor.index.results import CollectionReport, CollectionStatus, SearchResult, SyncReport
from openclaw_instructor.index.search import Held, Mode, checked_query
from openclaw_instructor.index.sync import Sync
from openclaw_instructor.index.vectors import engines
from openclaw_instructor.index.vectors.protocol import View

if TYPE_CHECKING:
    from openclaw_instructor.engine import Engine
    from openclaw_instructor.index.collections import Collection, Generation, Root
    from openclaw_instructor.index.contents import Contents
    from openclaw_instructor.index.other_model import OtherModel
    from openclaw_instructor.index.progress import Progress
    from openclaw_instructor.index.sampling import Sample
    from openclaw_instructor.index.staleness import Steering
    from openclaw_instructor.index.status import Look
    from openclaw_instructor.index.workers.protocol import Workers
    from openclaw_instructor.settings import Settings

_LOCK_PATIENCE_SECONDS = 600.0


class Index:
    """All collections of one home. Safe to share between threads; other processes may use the same home meanwhile.

    Opening is cheap: no model is loaded, and FAISS is imported by the first search or sync that needs it.
    """

    def __init__(self, settings: Settings, engine: Engine) -> None:
        """Open or create the index. Raises StoreError when home cannot hold one."""
        self.settings = settings
        self.engine = engine
        self._store = open_store(settings.index_path)
        self.catalogue = Catalogue(self._store)
        self._sync_lock = settings.home / "sync.lock"
        self._vectors = engines.of(settings)
        self._held = Held()
        self._answering = Answering(engine, self._vectors, self._held, self._stale)
        # Collection -> how its changes become known, if this process watches them.
        self.watched: dict[str, str] = {}
        # Collection -> what the last sync in this process saw.
        self.seen: dict[str, Look] = {}

    def add(
        self,
        name: str,
        folders: Sequence[Path],
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        instruction: str,
    ) -> None:
        """Register folders or files as a collection, or add them to it; `sync` then reads them.

        `include` (files to take besides those of known types, or only these behind a first `!*`) and `exclude` are
        gitignore patterns relative to each folder; `instruction` is the rendered document instruction. Raises
        InvalidArguments and UnreadableSource.
        """
        found = roots.chosen(name, folders, include, exclude)
        with self._store.write() as connection:
            collections.put(connection, name, instruction, found)

    def instruct(self, name: str, instruction: str) -> None:
        """Record another document instruction; when it differs, the next sync embeds the collection anew."""
        if self._chosen(name)[0].instruction != instruction:
            with self._store.write() as connection:
                collections.instruct(connection, name, instruction)

    def sync(
        self,
        name: str | None = None,
        *,
        steering: Steering | None = None,
        on_progress: Progress | None = None,
        full: bool = False,
        only: Sequence[str] | None = None,
        workers: Workers | None = None,
    ) -> SyncReport:
        """Update one collection, or all, from their files; the model is loaded only when a text is new.

        `steering` gives the document instruction that each is embedded under from now on. `on_progress(done, total,
        message)` counts bytes of changed files. `full` reads every file, whatever its times say; with
        `only`, these files are known to be all that has changed. `workers` read, cut and embed. Waits while another
        process syncs. A folder that is gone, empty or replaced loses nothing, and the collection's report says so in
        `error`. Raises UnknownCollection, and UnreadableSource when no folder of the one collection can be read.
        """
        started = time.monotonic()
        report = SyncReport()
        waiting = "waiting for another process that is syncing"
        self._chosen(name)
        on_wait = (lambda: on_progress(0, 0, waiting)) if on_progress else None
        with lock.exclusive(self._sync_lock, _LOCK_PATIENCE_SECONDS, "syncing the index", on_wait):
            for collection in self._chosen(name):
                if steering is not None:
                    self.instruct(collection.name, steering(collection.name))
            for collection in self._chosen(name):
                run = Sync(self._store, self.engine, collection, on_progress, full=full, only=only, workers=workers)
                report.collections.append(self._sync_one(run, alone=name is not None))
        if not report.collections:
            report.notes.append(empty_results.nothing_indexed())
        self._drop_old_vectors()
        report.seconds = time.monotonic() - started
        return report

    def remove(self, name: str, folder: Path | None = None) -> None:
        """Remove a collection or one of its folders from the index; the files stay.

        Raises UnknownCollection and InvalidArguments.
        """
        (collection,) = self._chosen(name)
        root = None if folder is None else collections.root_at(collection, roots.place(folder))
        with self._store.write() as connection:
            if root is None:
                collections.remove(connection, name)
            else:
                collections.remove_root(connection, collection, root.path)
        self._drop_old_vectors()

    def names(self) -> list[str]:
        """List the names of all collections, whatever their state."""
        return [collection.name for collection in self._collections()]

    def status(
        self, name: str | None = None, *, steering: Steering | None = None, check: bool = True
    ) -> list[CollectionStatus]:
        """Report the state of one collection or of all; `steering` as in `search`. Raises UnknownCollection.

        `check` compares the files on disk with the index, by their times, which takes a while for very many.
        """
        chosen = staleness.steered(self._chosen(name), steering)
        stale = {known.name: self._stale(known) for known in chosen}
        return [
            status.of(self._store, known, stale[known.name], self.watched.get(known.name), self._vectors, check=check)
            for known in chosen
        ]

    def followed(self) -> list[tuple[str, tuple[Root, ...]]]:
        """List the collections that were synced before, with their roots: those that can be watched."""
        return [(known.name, known.roots) for known in self._collections() if known.serving]

    def look(self, name: str) -> Look:
        """Compare the files of a collection with the index, by their times. Raises UnknownCollection."""
        return status.look(self._store, self._chosen(name)[0])

    def only_files_changed(self, name: str, steering: Steering | None = None) -> bool:
        """Whether a sync would only embed changed files, and not everything. Raises UnknownCollection."""
        (collection,) = staleness.steered(self._chosen(name), steering)
        try:
            wanted = staleness.wanted(self.engine, collection)
        except staleness.NO_MODEL:
            return False
        return collection.serving is not None and collection.serving.identity == wanted.identity

    def files(self, name: str | None = None, path: str | None = None) -> list[FileState]:
        """List the files of one collection or of all with their state; `path` restricts them, as in Filter.parse.

        Raises UnknownCollection and InvalidArguments.
        """
        wanted = None if path is None else PathFilter(path)
        return [state for known in self._chosen(name) for state in file_states.of(self._store, known, wanted)]

    def sample(self, name: str, most: int, *, with_texts: bool = False) -> Sample:
        """Draw passages of a collection evenly, with their vectors; see `sampling.sample`."""
        from openclaw_instructor.index import sampling

        return sampling.sample(self._store, name, most, with_texts=with_texts)

    def contents(self, name: str | None = None) -> Contents:
        """Describe the documents of one collection, or of each, for a report. Raises UnknownCollection."""
        from openclaw_instructor.index import contents

        return contents.of(self._store, self._chosen(name))

    def compact(self) -> dict[str, Any]:
        """Free the disk space of deleted content; return bytes `before`, `after` and `freed`, and `notes`.

        Waits while another process syncs. Raises StoreError and Busy.
        """
        with lock.exclusive(self._sync_lock, _LOCK_PATIENCE_SECONDS, "compacting the index"):
            before = self._store.size
            after = self._store.compact()
            self._drop_old_vectors()
        copies = sorted(self._store.path.parent.glob(f"{self._store.path.name}.v*.backup"))
        notes = [f"{copy} is the index as it was before an upgrade; delete it if you do not need it" for copy in copies]
        return {"before": before, "after": after, "freed": max(0, before - after), "notes": notes}

    def search(
        self,
        query: str,
        *,
        collection: str | None = None,
        query_instruction: str,
        steering: Steering | None = None,
        top_k: int = 5,
        path: str | None = None,
        after: str | None = None,
        before: str | None = None,
        where: Mapping[str, str] | None = None,
        types: str | None = None,
        mode: Mode = "hybrid",
        diversity: float = 0.0,
        explain: bool = False,
        expect: str | None = None,
    ) -> SearchResult:
        """Find the passages that answer `query` best, in one snapshot of the store.

        `collection` is one, several with commas, or None or `*` for all. `steering` gives the document instruction that
        each collection should have now; where it has another, the result says that a sync is due. `path`, `after`
        (inclusive), `before`, `where` and `types` narrow the documents, as Filter.parse reads them. Mode
        `hybrid` goes on by words alone, and says so, where the model cannot be used; `vector` raises then; `keyword`
        never loads it. `diversity` above 0, at most 1, prefers passages that differ. With `explain` the result says how
        each hit was ranked, and with `expect` at which stage that file was lost. Raises InvalidArguments and
        UnknownCollection.
        """
        query = checked_query(query, mode)
        wanted = Filter.parse(path, after, before, where, types)
        asked = Asked(query, query_instruction, wanted, mode, top_k, diversity, explain, expect)
        with precedence.urgent(), self._store.read() as connection:
            known = staleness.steered(collections.collections(connection), steering)
            if not known:
                return SearchResult(query, [], [], notes=[empty_results.nothing_indexed(collection)])
            chosen = known if collection is None else collections.named(known, collection)
            return self._answering.answer(connection, chosen, asked)

    def under(self, engine: Engine) -> OtherModel:
        """Return what searches these collections as if the checkpoint of this engine had embedded them."""
        from openclaw_instructor.index.other_model import OtherModel

        return OtherModel(self._store, self._answering, engine)

    def inspect(self, query: str, expect: str, **options: Any) -> dict[str, Any]:
        """Search with these options, and say at which stage `expect` was lost. Raises what `search` raises."""
        result = self.search(query, **(options | {"explain": True}), expect=expect)
        chosen = self._chosen(options.get("collection"))
        found = inspection.completed(result.inspected, expect, self._store, chosen)
        return found | {"result": result.as_dict()}

    def close(self) -> None:
        """Close the store and free the vectors."""
        self._store.close()
        self._vectors.close()

    def _collections(self) -> list[Collection]:
        with self._store.read() as connection:
            return collections.collections(connection)

    def _chosen(self, name: str | None) -> list[Collection]:
        """Return the named collection, or all of them."""
        known = self._collections()
        return known if name is None else collections.named(known, name)

    def _sync_one(self, run: Sync, alone: bool) -> CollectionReport:
        collection, report = run.collection, run.report
        generation = run.run()
        if run.failure is not None and alone:
            raise run.failure
        if generation is None:
            return report
        self.seen.pop(collection.name, None)
        if run.seen is not None:
            self.seen[collection.name] = run.seen
        if report.chunks or report.removed:
            self._update_vectors(collection, generation, report)
        return report

    def _update_vectors(self, collection: Collection, generation: Generation, report: CollectionReport) -> None:
        with self._store.read() as connection:
            try:
                if (current := collections.generation(connection, generation.id)) is not None:
                    report.notes += self._vectors.update(View(connection, collection, current))
            except VectorsUnavailable as error:
                waiting = f"everything is indexed, and the next sync sends what is new to Milvus: {error.message}"
                report.error = "; ".join(filter(None, (report.error, waiting)))

    def _stale(self, collection: Collection) -> str | None:
        return staleness.stale(self.engine, collection, collection.unfinished and lock.held(self._sync_lock))

    def _drop_old_vectors(self) -> None:
        serving = {c.name: c.serving for c in self._collections() if c.serving}
        self._vectors.keep(serving)
        self._held.samples.keep({generation.key for generation in serving.values()})
