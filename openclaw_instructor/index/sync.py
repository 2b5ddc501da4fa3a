"""Update one collection from its files: plan, embed, publish.

The plan compares times and sizes, then content hashes; only what differs is read by the model, in large calls, and a
text that was embedded before under the same instruction is not embedded again. While the model works, the documents
before are published and the next files are read. Each document is published in one transaction, deletions come last,
and whatever is interrupted is found half done and completed by the next sync.
"""

from __future__ import annotations

import contextlib
import datetime
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from functools import cached_property
from typing import TYPE_CHECKING

from openclaw_instructor.engine import precedence
from openclaw_instructor.errors import InstructorError, UnreadableSource
from openclaw_instructor.index import (
    changes,
    chunk_store,
    collections,
    embedding,
    outcomes,
    roots,
    staleness,
    status,
    walk,
)
from openclaw_instructor.index.embedding import chunker
from openclaw_instructor.index.files import Skipped
from openclaw_instructor.index.outcomes import Unchanged
from openclaw_instructor.index.pending import Pending, grouped
from openclaw_instructor.index.progress import Meter, Progress
from openclaw_instructor.index.results import CollectionReport
from openclaw_instructor.index.workers.protocol import Job

if TYPE_CHECKING:
    import sqlite3

    from openclaw_instructor.documents.chunking import Chunker
    from openclaw_instructor.engine import Engine
    from openclaw_instructor.index.changes import Changes
    from openclaw_instructor.index.collections import Collection, Generation
    from openclaw_instructor.index.listing import Found, Listing
    from openclaw_instructor.index.outcomes import Outcome
    from openclaw_instructor.index.store import Store
    from openclaw_instructor.index.workers.protocol import Workers

_MAX_DOUBTS = 20


class Sync:
    """One run over one collection; the caller holds the lock between processes."""

    def __init__(
        self,
        store: Store,
        engine: Engine,
        collection: Collection,
        on_progress: Progress | None = None,
        *,
        full: bool = False,
        only: Sequence[str] | None = None,
        workers: Workers | None = None,
    ) -> None:
        """With `full`, every file is read, whatever its times say.

        With `only`, these files are all that has changed since the last sync, and nothing else is looked at, unless
        something is found that may concern others. With `workers`, they read, cut and embed.
        """
        self.store = store
        self.engine = engine
        self.collection = collection
        self.report = CollectionReport(collection.name)
        self.seen: status.Look | None = None
        self.failure: Exception | None = None
        self._full = full
        self._only = only
        self._workers = workers
        self._doubts: list[str] = []
        self._watcher = on_progress
        self._meter = Meter(None, 0, 0)

    def run(self) -> Generation | None:
        """Update the collection and return its generation; None after a failure, which report and store record.

        Raises CancelledError: the caller has gone, and the store records that the sync is unfinished.
        """
        try:
            return self._through()
        except CancelledError:
            raise
        except Exception as error:
            command = f"run `openclaw-instructor index sync {self.collection.name}` to see more"
            unexpected = f"an unexpected {type(error).__name__}; {command}"
            self.report.error = error.message if isinstance(error, InstructorError) else unexpected
            self.failure = error
            # The store itself may have failed.
            with contextlib.suppress(InstructorError), self.store.write() as connection:
                collections.fail(connection, self.collection, self.report.error)
            return None

    def _through(self) -> Generation:
        """Do it all. Raises UnreadableSource, before anything is changed, when none of the roots can be read."""
        started = time.monotonic()
        wanted = staleness.wanted(self.engine, self.collection)
        listing = self._part(wanted) or self._whole()
        with self.store.write() as connection:
            generation = collections.target(connection, self.collection, wanted)
        with self.store.read() as connection:
            known = chunk_store.known(connection, generation.id, self._only)
            serving = self.collection.serving
            served = known if serving in (None, generation) else chunk_store.known(connection, serving.id)
        absent = self._absent(listing, served) if self._only is None else {}
        plan = changes.between(known, listing, absent, full=self._full)
        if plan:
            with self.store.write() as connection:
                collections.begin(connection, self.collection)
        self._count(plan, listing)
        self._publish_all(generation, plan)
        self._finish(generation, plan, listing, absent)
        self._note(listing)
        self.report.seconds = time.monotonic() - started
        return generation

    def _part(self, wanted: Generation) -> Listing | None:
        """Look at the files that are all that has changed; None when everything has to be looked at."""
        collection, serving = self.collection, self.collection.serving
        finished = (
            serving and serving.identity == wanted.identity and not collection.problem and not collection.unfinished
        )
        if self._only is not None and finished:
            listing = walk.walk(collection.roots, self.store.path.parent, self._only)
            if roots.same(collection.roots, listing) and not listing.unsure and not listing.unread:
                return listing
        self._only = None
        return None

    def _whole(self) -> Listing:
        """Look at every file. Raises UnreadableSource."""
        listing = walk.walk(self.collection.roots, own=self.store.path.parent)
        absent = self._absent(listing, ())
        if self.collection.roots and len(listing.lost) == len(self.collection.roots):
            raise UnreadableSource("; ".join(absent.values()))
        self.seen = status.Look([], absent, status.to_follow(self.collection, listing))
        return listing

    def _absent(self, listing: Listing, known: Iterable[str]) -> dict[str, str]:
        return roots.absent(self.collection.roots, listing, known, self.collection.name)

    def _count(self, plan: Changes, listing: Listing) -> None:
        self.report.unchanged = plan.unchanged
        self.report.removed = sum(not before.reason for before in plan.gone)
        self.report.skipped = [*plan.unreadable, *listing.skipped]

    def _finish(self, generation: Generation, plan: Changes, listing: Listing, absent: dict[str, str]) -> None:
        when = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        self.report.error = "; ".join(absent.values()) or None
        coverage = dict(self.collection.coverage)
        if self._only is None:
            coverage = {"files": len(listing.files), "other_types": listing.other_types.total()}
            coverage["skipped"] = len(self.report.skipped)
        with self.store.write() as connection:
            if plan.gone:
                chunk_store.forget(connection, [before.id for before in plan.gone])
                collections.touch(connection, self.collection, generation)
            if self._only is None:
                collections.remember(connection, self.collection, roots.states(self.collection.roots, listing, absent))
            problem = self.report.error or ""
            if absent and self.collection.serving not in (None, generation):
                # What is absent is in the old generation only, so that one goes on answering.
                collections.fail(connection, self.collection, problem)
            else:
                collections.finish(connection, self.collection, generation, when, problem, coverage)
            _, self.report.chunks = chunk_store.counts(connection, generation.id)

    def _publish_all(self, generation: Generation, plan: Changes) -> None:
        self._meter = Meter(self._watcher, len(plan.pending), sum(found.size for found in plan.pending))
        model = embedding.Embedding(self.store, self.engine, self.collection.instruction, self.report, self._meter)
        # Closed here, because the traceback of a failure would keep it, and with it the workers, for the next sync.
        reading = contextlib.closing(grouped(self._read_all(generation, plan), embedding.CHUNKS_PER_CALL))
        with reading as groups, contextlib.closing(model.of(groups)) as embedded:
            for group, vectors in embedded:
                for pending in group:
                    precedence.give_way()
                    with self.store.write() as connection:
                        self._publish(connection, generation, plan, pending, vectors)
                    self._meter.done(pending.found.size, len(pending.chunks))
        if plan.pending:
            self._meter.tell(f"{self.collection.name} is done")

    def _read_all(self, generation: Generation, plan: Changes) -> Iterator[Pending]:
        for found, outcome in self._outcomes(plan):
            before = plan.known.get(found.path)
            if isinstance(outcome, Pending):
                self._doubts += [f"{found.path}: {note}" for note in outcome.row.notes]
                if not outcome.row.reason:
                    yield outcome
                    continue
                self._publish_unreadable(generation, outcome, before)
            elif isinstance(outcome, Unchanged):
                self._keep(found, plan.known[found.path], outcome.size)
            else:
                self.report.skipped.append((found.path, outcome.reason))
                if before and outcome.gone:
                    plan.gone.append(before)
                    self.report.removed += not before.reason
            self._meter.done(found.size)

    def _outcomes(self, plan: Changes) -> Iterator[tuple[Found, Outcome]]:
        """Read the files that may have changed, here or by workers."""
        if self._workers is None:
            for found in plan.pending:
                precedence.give_way()
                self._meter.tell(f"reading {found.place}")
                yield found, self._outcome(plan, found)
            return
        job = Job(self.collection.instruction, self.engine.identity(self.collection.instruction), self.store)
        unread = 0
        for found, done in self._workers.outcomes(job, [(found, plan.known.get(found.path)) for found in plan.pending]):
            self._meter.tell(f"reading {found.place}")
            # Of what a worker could not read, the disks of this machine decide.
            outcome = self._outcome(plan, found) if isinstance(done, Skipped) and not done.final else done
            unread += isinstance(done, Skipped) and not isinstance(outcome, Skipped)
            yield found, outcome
        if unread:
            self.report.notes.append(
                f"{unread:,} files were read here, because the workers could not: they have to see the same folders"
            )

    def _outcome(self, plan: Changes, found: Found) -> Outcome:
        return outcomes.of(found, plan.known.get(found.path), lambda: self._chunker)

    def _keep(self, found: Found, before: chunk_store.Known, size: int) -> None:
        """Record that the content of a file is what it was."""
        if not changes.unchanged(found, before):
            with self.store.write() as connection:
                chunk_store.retouch(connection, before.id, size, found.mtime_ns, found.ctime_ns)
        if before.reason:
            self.report.skipped.append((found.path, before.reason))
        else:
            self.report.unchanged += 1

    @cached_property
    def _chunker(self) -> Chunker:
        return chunker(self.engine, self.collection.instruction)

    def _publish(
        self,
        connection: sqlite3.Connection,
        generation: Generation,
        plan: Changes,
        pending: Pending,
        vectors: dict[str, bytes],
    ) -> None:
        collections.touch(connection, self.collection, generation)
        blobs = [vectors[chunk.digest] for chunk in pending.chunks]
        chunk_store.publish(connection, generation.id, pending.row, pending.chunks, blobs)
        if (before := plan.known.get(pending.found.path)) and not before.reason:
            self.report.changed += 1
        else:
            self.report.added += 1

    def _publish_unreadable(self, generation: Generation, pending: Pending, before: chunk_store.Known | None) -> None:
        """Remember a file that cannot be read, so that it is not tried again until it changes."""
        with self.store.write() as connection:
            collections.touch(connection, self.collection, generation)
            chunk_store.publish(connection, generation.id, pending.row)
        self.report.skipped.append((pending.found.path, pending.row.reason))
        self.report.removed += bool(before and not before.reason)

    def _note(self, listing: Listing) -> None:
        self.report.notes += self._doubts[:_MAX_DOUBTS]
        if len(self._doubts) > _MAX_DOUBTS:
            self.report.notes.append(f"{len(self._doubts) - _MAX_DOUBTS} more files have such notes")
        self.report.notes += listing.notes()
        if self.report.truncated:
            self.report.notes.append(
                f"{self.report.truncated} chunks were too long for the model; their ends are found by words only"
            )
        if not self.report.chunks:
            self.report.notes.append(
                f"collection `{self.collection.name}` holds no text yet: no readable file was found"
            )
