"""The index: collections of documents, kept in step with their files, and searched."""

from __future__ import annotations

import difflib
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_instructor import lock
from openclaw_instructor.errors import IdentityMismatch, InstructorError, InvalidArguments, UnknownCollection
from openclaw_instructor.index import chunk_store, collections, files, fulltext, staleness
from openclaw_instructor.index.results import CollectionReport, CollectionStatus, Hit, SearchResult, SyncReport
from openclaw_instructor.index.search import MODES, Filters, Mode, Source, find, gather, shown
from openclaw_instructor.index.store import Store
from openclaw_instructor.index.sync import Progress, Sync
from openclaw_instructor.index.vectors.snapshot import Shelf, Shelved
from openclaw_instructor.paths import expanded
from openclaw_instructor.text import clean

if TYPE_CHECKING:
    import sqlite3

    from openclaw_instructor.engine import Engine
    from openclaw_instructor.index.collections import Collection
    from openclaw_instructor.index.vectors.exact import Matrix
    from openclaw_instructor.settings import Settings

MAX_QUERY_CHARACTERS = 20_000
_LOCK_PATIENCE_SECONDS = 600.0


class Index:
    """All collections of one home. Safe to share between threads; other processes may use the same home meanwhile.

    Opening is cheap: no model is loaded, and FAISS is imported by the first search or sync that needs it.
    """

    def __init__(self, settings: Settings, engine: Engine) -> None:
        """Raises StoreError when home cannot hold an index."""
        self.settings = settings
        self.engine = engine
        self._store = Store(settings.index_path)
        self._sync_lock = settings.home / "sync.lock"
        self._shelf = Shelf(settings.vectors_dir)

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
        files.patterns(include, "include")
        files.patterns(exclude, "exclude")
        if not folders:
            raise InvalidArguments(f"collection `{name}`: name at least one folder to index")
        roots = [collections.Root(expanded(folder).resolve(), tuple(include), tuple(exclude)) for folder in folders]
        for root in roots:
            files.check_root(root.path)
        with self._store.write() as connection:
            collections.put(connection, name, instruction, roots)

    def instruct(self, name: str, instruction: str) -> None:
        """Record another document instruction; when it differs, the next sync embeds the collection anew."""
        if self._chosen(name)[0].instruction != instruction:
            with self._store.write() as connection:
                collections.instruct(connection, name, instruction)

    def sync(self, name: str | None = None, *, on_progress: Progress | None = None) -> SyncReport:
        """Bring one collection, or all, in step with their files; the model is loaded only when a text is new.

        `on_progress(done, total, message)` counts bytes of changed files. Waits while another process syncs. Raises
        UnknownCollection, and UnreadableSource when a folder is gone; over all collections, such an error stands in the
        collection's report and the others are still synced.
        """
        started = time.monotonic()
        report = SyncReport()
        waiting = "waiting for another process that is syncing"
        self._chosen(name)
        on_wait = (lambda: on_progress(0, 0, waiting)) if on_progress else None
        with lock.exclusive(self._sync_lock, _LOCK_PATIENCE_SECONDS, "syncing the index", on_wait):
            for collection in self._chosen(name):
                report.collections.append(self._sync_one(collection, on_progress, alone=name is not None))
        if not report.collections:
            report.notes.append(_NO_COLLECTIONS)
        self._drop_old_vectors()
        report.seconds = time.monotonic() - started
        return report

    def remove(self, name: str) -> None:
        """Forget a collection; its files stay. Raises UnknownCollection."""
        self._chosen(name)
        with self._store.write() as connection:
            collections.remove(connection, name)
        self._drop_old_vectors()

    def names(self) -> list[str]:
        """The collections there are, whatever their state."""
        return [collection.name for collection in self._collections()]

    def status(self, name: str | None = None) -> list[CollectionStatus]:
        """How each collection stands. Raises UnknownCollection."""
        result = []
        for collection in self._chosen(name):
            reason = self._stale(collection)
            with self._store.read() as connection:
                documents, chunks = (
                    chunk_store.counts(connection, collection.serving.id) if collection.serving else (0, 0)
                )
            result.append(
                CollectionStatus(
                    name=collection.name,
                    folders=[str(root.path) for root in collection.roots],
                    documents=documents,
                    chunks=chunks,
                    instruction=collection.instruction,
                    checkpoint=collection.serving.checkpoint if collection.serving else None,
                    synced_at=collection.synced_at,
                    stale=reason is not None,
                    reason=reason,
                )
            )
        return result

    def search(
        self,
        query: str,
        *,
        collection: str | None = None,
        query_instruction: str,
        top_k: int = 5,
        path: str | None = None,
        after: str | None = None,
        before: str | None = None,
        mode: Mode = "hybrid",
    ) -> SearchResult:
        """The passages that answer `query` best, from one collection or from all.

        `path` is a gitignore pattern, `after` (inclusive) and `before` are ISO dates. Mode `hybrid` goes on by
        words alone, and says so, where the model cannot be used; `vector` raises then; `keyword` never loads it.
        Raises InvalidArguments and UnknownCollection.
        """
        query = clean(query)
        if not query.strip():
            raise InvalidArguments("query is empty; say what to look for")
        if mode not in MODES:
            raise InvalidArguments(f"mode {mode!r}: use one of {', '.join(MODES)}")
        filters = Filters.parse(path, after, before)
        known = self._collections()
        if not known:
            notes = [f"nothing is indexed yet; run `openclaw-instructor index add {collection or 'docs'} FOLDER`"]
            return SearchResult(query, [], [], notes=notes)
        chosen = known if collection is None else self._chosen(collection)
        notes = [reason for reason in map(self._stale, chosen) if reason]
        stale = bool(notes)
        cut = query[:MAX_QUERY_CHARACTERS]
        vector, truncated = None, False
        if mode != "keyword":
            vector, truncated = self._embed_query(cut, query_instruction, chosen, mode, notes)
        if mode != "vector":
            truncated = truncated or fulltext.truncated(cut)
        hits = self._hits(chosen, cut, vector, mode, filters, max(1, top_k), notes)
        return SearchResult(
            query=cut,
            hits=hits,
            collections_searched=[source.name for source in chosen],
            stale=stale,
            truncated_query=truncated or len(cut) < len(query),
            notes=notes,
        )

    def close(self) -> None:
        self._store.close()
        self._shelf.clear()

    def _collections(self) -> list[Collection]:
        with self._store.read() as connection:
            return collections.collections(connection)

    def _chosen(self, name: str | None) -> list[Collection]:
        """The named collection, or all of them."""
        known = {collection.name: collection for collection in self._collections()}
        if name is None:
            return list(known.values())
        if name in known:
            return [known[name]]
        close = difflib.get_close_matches(name, known, 1)
        if close:
            hint = f"did you mean `{close[0]}`?"
        elif known:
            hint = f"there are: {', '.join(known)}; or create it: `openclaw-instructor index add {name} FOLDER`"
        else:
            hint = f"none exists yet; create it: `openclaw-instructor index add {name} FOLDER`"
        raise UnknownCollection(f"there is no collection `{name}`; {hint}")

    def _sync_one(self, collection: Collection, on_progress: Progress | None, alone: bool) -> CollectionReport:
        run = Sync(self._store, self.engine, collection, on_progress)
        try:
            report, generation = run.run()
        except Exception as error:
            if alone:
                raise
            command = f"run `openclaw-instructor index sync {collection.name}` to see more"
            unexpected = f"an unexpected {type(error).__name__}; {command}"
            run.report.error = error.message if isinstance(error, InstructorError) else unexpected
            return run.report
        if report.chunks:
            with self._store.read() as connection:
                current = collections.generation(connection, generation.id)
                note = self._shelf.update(connection, collection, current) if current else None
            report.notes += [note] if note else []
        return report

    def _hits(
        self,
        chosen: list[Collection],
        query: str,
        vector: Matrix | None,
        mode: Mode,
        filters: Filters,
        top_k: int,
        notes: list[str],
    ) -> list[Hit]:
        with self._store.read() as connection:
            sources = self._sources(connection, chosen, vector is not None, notes)
            candidates = partial(gather, connection, sources, query, vector, mode, filters)
            found = find(connection, candidates, top_k)
            empty = not found and not any(chunk_store.counts(connection, source.generation.id)[1] for source in sources)
        if not found:
            notes.append(_nothing([collection.name for collection in chosen], empty, bool(filters), bool(notes)))
        names = {source.generation.id: source.collection.name for source in sources}
        return shown(found, query, names)

    def _sources(
        self, connection: sqlite3.Connection, chosen: list[Collection], by_meaning: bool, notes: list[str]
    ) -> list[Source]:
        """The collections as this connection sees them, with their vectors where the query compares to them."""
        names = {collection.name for collection in chosen}
        sources = []
        for collection in collections.collections(connection):
            generation = collection.serving
            if collection.name not in names or generation is None:
                continue
            vectors = None
            if by_meaning and staleness.comparable(self.engine, generation):
                vectors = Shelved(self._shelf, connection, collection, generation, notes)
            sources.append(Source(collection, generation, vectors))
        return sources

    def _stale(self, collection: Collection) -> str | None:
        return staleness.stale(self.engine, collection, collection.unfinished and lock.held(self._sync_lock))

    def _embed_query(
        self, query: str, instruction: str, chosen: list[Collection], mode: Mode, notes: list[str]
    ) -> tuple[Matrix | None, bool]:
        """(unit vector, whether the query was truncated); no vector when words have to do."""
        served = [collection.serving for collection in chosen if collection.serving]
        try:
            if not any(staleness.comparable(self.engine, generation) for generation in served):
                if served and mode == "vector":
                    raise IdentityMismatch(str(self._stale(next(c for c in chosen if c.serving))))
                return None, False
            embeddings = self.engine.embed([query], instruction)
        except staleness.NO_MODEL as error:
            if mode == "vector":
                raise
            notes.append(f"searched by words only: {error.message}")
            return None, False
        return embeddings.vectors[0], bool(embeddings.truncated[0])

    def _drop_old_vectors(self) -> None:
        self._shelf.keep({c.name: c.serving for c in self._collections() if c.serving})


_NO_COLLECTIONS = "nothing is indexed yet; run `openclaw-instructor index add docs FOLDER`"


def _nothing(searched: list[str], empty: bool, filtered: bool, stale: bool) -> str:
    name = searched[0] if len(searched) == 1 else "NAME"
    if empty and not stale:
        return f"the index of {', '.join(searched)} is empty; run `openclaw-instructor index add {name} FOLDER`"
    if empty:
        return f"{', '.join(searched)}: no text is indexed yet; run `openclaw-instructor index sync {name}`"
    if filtered:
        return "nothing passed the filters and matched; widen `path`, `after` or `before`"
    return (
        f"nothing in {', '.join(searched)} matched; use other words, or add documents: "
        f"`openclaw-instructor index add {name} FOLDER`"
    )
