"""Manage the index of a home: add collections, sync them with their files, search them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from openclaw_instructor import lock
from openclaw_instructor.errors import IdentityMismatch, InstructorError, InvalidArguments
from openclaw_instructor.index import (
    chunk_store,
    collections,
    empty_results,
    file_states,
    freshness,
    gitignore,
    inspection,
    secrets,
    staleness,
    status,
    walk,
)
from openclaw_instructor.index.catalogue import Catalogue
from openclaw_instructor.index.file_states import FileState
from openclaw_instructor.index.filters import Filter
from openclaw_instructor.index.findings import Findings
from openclaw_instructor.index.path_filter import PathFilter
from openclaw_instructor.index.query import parse
from openclaw_instructor.index.results import CollectionReport, CollectionStatus, SearchResult, SyncReport
from openclaw_instructor.index.search import Mode, QueryEmbedding, Question, Retrieval, Source, checked_query
from openclaw_instructor.index.store import Store
from openclaw_instructor.index.sync import Sync
from openclaw_instructor.index.vectors import engines
from openclaw_instructor.index.vectors.protocol import View
from openclaw_instructor.index.vectors.sample import Samples
from openclaw_instructor.paths import expanded

if TYPE_CHECKING:
    import sqlite3

    from openclaw_instructor.engine import Engine
    from openclaw_instructor.index.collections import Collection, Root
    from openclaw_instructor.index.progress import Progress
    from openclaw_instructor.index.status import Look
    from openclaw_instructor.settings import Settings

# Gives the document instruction that a collection should be embedded under now, by its name.
Steering: TypeAlias = Callable[[str], str]

MAX_QUERY_CHARACTERS = 20_000
_LOCK_PATIENCE_SECONDS = 600.0


class Index:
    """All collections of one home. Safe to share between threads; other processes may use the same home meanwhile.

    Opening is cheap: no model is loaded, and FAISS is imported by the first search or sync that needs it.
    """

    def __init__(self, settings: Settings, engine: Engine) -> None:
        """Open or create the index. Raises StoreError when home cannot hold one."""
        self.settings = settings
        self.engine = engine
        self._store = Store(settings.index_path)
        self.catalogue = Catalogue(self._store)
        self._sync_lock = settings.home / "sync.lock"
        self._vectors = engines.engine(settings.vector_engine, settings.vectors_dir)
        self._samples = Samples()
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
        collections.checked_name(name)
        gitignore.patterns(include, "include")
        gitignore.patterns(exclude, "exclude")
        if not folders:
            raise InvalidArguments(f"collection `{name}`: name at least one folder to index")
        roots = [collections.Root(_root_path(folder), tuple(include), tuple(exclude)) for folder in folders]
        for root in roots:
            walk.check_root(root.path)
            if (part := secrets.above(root.path) or secrets.above(root.path.resolve())) is not None:
                raise InvalidArguments(f"{root.path} lies in `{part}`, a folder for secrets, and is not indexed")
        with self._store.write() as connection:
            collections.put(connection, name, instruction, roots)

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
    ) -> SyncReport:
        """Update one collection, or all, from their files; the model is loaded only when a text is new.

        `steering` gives the document instruction that each is embedded under from now on. `on_progress(done, total,
        message)` counts bytes of changed files. `full` reads every file, whatever its times say; with
        `only`, these files are known to be all that has changed. Waits while another
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
                run = Sync(self._store, self.engine, collection, on_progress, full=full, only=only)
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
        root = None if folder is None else collections.root_at(collection, _root_path(folder))
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
        chosen = self._steered(self._chosen(name), steering)
        stale = {known.name: self._stale(known) for known in chosen}
        return [
            status.of(self._store, known, stale[known.name], self.watched.get(known.name), check=check)
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
        (collection,) = self._steered(self._chosen(name), steering)
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
        cut = query[:MAX_QUERY_CHARACTERS]
        with self._store.read() as connection:
            known = self._steered(collections.collections(connection), steering)
            if not known:
                return SearchResult(query, [], [], notes=[empty_results.nothing_indexed(collection)])
            chosen = known if collection is None else collections.named(known, collection)
            stale = [reason for reason in map(self._stale, chosen) if reason]
            asked = QueryEmbedding() if mode == "keyword" else self._embed_query(cut, query_instruction, chosen, mode)
            question = Question(cut, asked.vector, mode, wanted, diversity)
            found = self._found(connection, chosen, question, max(1, top_k), bool(stale or asked.notes))
            served = [known.serving.id for known in chosen if known.serving]
            hits = freshness.marked(connection, served, found.hits(explain))
            inspected = found.inspected(expect) if expect is not None else {}
        changed = freshness.notes(hits)
        return SearchResult(
            query=cut,
            hits=hits,
            collections_searched=[source.name for source in chosen],
            stale=bool(stale or changed),
            truncated_query=asked.truncated or len(cut) < len(query) or (mode != "vector" and parse(cut).truncated),
            notes=[*stale, *changed, *asked.notes, *found.notes],
            explained=found.retrieval.trace.as_dict() if explain else {},
            inspected=inspected,
        )

    def inspect(self, query: str, expect: str, **options: Any) -> dict[str, Any]:
        """Search as `search` does with these options, and say at which stage the file `expect` was lost.

        Raises what `search` raises.
        """
        result = self.search(query, **(options | {"explain": True}), expect=expect)
        inspected = dict(result.inspected) or {"file": expect, "stage": "not indexed", "reason": ""}
        if inspected["stage"] == "not indexed":
            inspected |= inspection.on_disk(self.files(options.get("collection"), expect), expect)
        found = inspected["stage"] == "found"
        return {"expect": expect, "found": found, **inspected, "result": result.as_dict()}

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

    def _steered(self, known: list[Collection], steering: Steering | None) -> list[Collection]:
        """Return the collections with the instructions that they should have now; as they are without a checkpoint."""
        if steering is None:
            return known
        try:
            return [replace(collection, instruction=steering(collection.name)) for collection in known]
        except staleness.NO_MODEL:
            return known

    def _sync_one(self, run: Sync, alone: bool) -> CollectionReport:
        collection = run.collection
        try:
            report, generation = run.run()
            self.seen.pop(collection.name, None)
            if run.seen is not None:
                self.seen[collection.name] = run.seen
        except CancelledError:
            # The caller has gone; the store records that the sync is unfinished.
            raise
        except Exception as error:
            command = f"run `openclaw-instructor index sync {collection.name}` to see more"
            unexpected = f"an unexpected {type(error).__name__}; {command}"
            run.report.error = error.message if isinstance(error, InstructorError) else unexpected
            # The store itself may have failed.
            with contextlib.suppress(InstructorError), self._store.write() as connection:
                collections.fail(connection, collection, run.report.error)
            if alone:
                raise
            return run.report
        if report.chunks:
            with self._store.read() as connection:
                current = collections.generation(connection, generation.id)
                if current is not None:
                    report.notes += self._vectors.update(View(connection, collection, current))
        return report

    def _found(
        self, connection: sqlite3.Connection, chosen: list[Collection], question: Question, top_k: int, stale: bool
    ) -> Findings:
        sources, notes = self._sources(connection, chosen, by_meaning=question.vector is not None)
        retrieval = Retrieval(connection, sources, question, self._samples)
        selected = retrieval.best(top_k).hits
        said = retrieval.notes()
        if not selected:
            generations = [source.view.generation.id for source in sources]
            empty = not any(chunk_store.counts(connection, generation)[1] for generation in generations)
            names = [collection.name for collection in chosen]
            notes.append(empty_results.no_hits(names, empty, question.wanted.conditions, stale or bool(notes)))
        served = {source.view.generation.id: source.view.collection.name for source in sources}
        return Findings(connection, served, retrieval, question, selected, [*notes, *said])

    def _sources(
        self, connection: sqlite3.Connection, chosen: list[Collection], *, by_meaning: bool
    ) -> tuple[list[Source], list[str]]:
        """Return the collections that have passages, with a searcher where their vectors are comparable; and notes."""
        sources, notes = [], []
        for collection in chosen:
            if collection.serving is None:
                continue
            view = View(connection, collection, collection.serving)
            searcher = None
            if by_meaning and staleness.comparable(self.engine, collection.serving):
                searcher, said = self._vectors.open(view)
                notes += said
            sources.append(Source(view, searcher))
        return sources, notes

    def _stale(self, collection: Collection) -> str | None:
        return staleness.stale(self.engine, collection, collection.unfinished and lock.held(self._sync_lock))

    def _embed_query(self, query: str, instruction: str, chosen: list[Collection], mode: Mode) -> QueryEmbedding:
        """Embed the query, or say why it is searched by words only."""
        served = [collection.serving for collection in chosen if collection.serving]
        try:
            if not any(staleness.comparable(self.engine, generation) for generation in served):
                if served and mode == "vector":
                    raise IdentityMismatch(str(self._stale(next(c for c in chosen if c.serving))))
                return QueryEmbedding()
            embeddings = self.engine.embed([query], instruction, role="query")
        except staleness.NO_MODEL as error:
            if mode == "vector":
                raise
            return QueryEmbedding(notes=(f"searched by words only: {error.message}",))
        return QueryEmbedding(embeddings.vectors[0], bool(embeddings.truncated[0]))

    def _drop_old_vectors(self) -> None:
        serving = {c.name: c.serving for c in self._collections() if c.serving}
        self._vectors.keep(serving)
        self._samples.keep({generation.key for generation in serving.values()})


def _root_path(folder: Path) -> Path:
    """Return the folder as it was named, so that a link leads to where it points at each sync."""
    path = expanded(folder).absolute()
    return path.resolve() if ".." in path.parts else path
