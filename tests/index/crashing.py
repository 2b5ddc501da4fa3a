"""Kill a process at a random moment of its work on an index, and check what it leaves behind.

The processes are forked from one that has everything imported, so that a kill costs no start of Python. Used by
test_crash.py, and for long runs by benchmarks/crash.py.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import random
import shutil
import sqlite3
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from openclaw_instructor.index import Index, collections, embedding, migrations
from openclaw_instructor.index import watch as watch_module
from openclaw_instructor.index.maintenance.operations import Maintenance
from openclaw_instructor.index.store import Store
from openclaw_instructor.index.vectors import snapshot
from openclaw_instructor.index.vectors.local import LocalVectorEngine
from openclaw_instructor.index.vectors.protocol import View
from openclaw_instructor.index.watch import Watcher
from openclaw_instructor.settings import Settings
from openclaw_instructor.testing import WordEngine
from tests.index.word_engine import DOCUMENT, ask

OLD_HOME = Path(__file__).parent / "data" / "home-0.1.0.zip"
FILES = 7
# What the old index is made larger to.
OLD_DOCUMENTS = 200
# Every few passages are published by themselves, so that there are moments between.
PASSAGES_AT_ONCE = 3


@dataclass(frozen=True)
class Place:
    """The folders of a run."""

    folder: Path

    @property
    def settings(self) -> Settings:
        """The settings of the home whose index is worked on."""
        return Settings.load(self.folder / "home")

    @property
    def index(self) -> Path:
        """The file of that index."""
        return self.folder / "home" / "index.db"

    def texts(self, collection: str) -> Path:
        """The folder of a collection."""
        return self.folder / collection

    @property
    def old(self) -> Path:
        """The index that an old version wrote."""
        return self.folder / "old" / "index.db"


Work = Callable[[Place, Callable[[], None]], None]


def _with_index(work: Callable[[Index], Any]) -> Work:
    def run(place: Place, ready: Callable[[], None]) -> None:
        index = Index(place.settings, WordEngine())
        ready()
        work(index)
        index.close()

    return run


def _with_maintenance(work: Callable[[Maintenance, Place], Any]) -> Work:
    def run(place: Place, ready: Callable[[], None]) -> None:
        maintenance = Maintenance(place.settings, WordEngine())
        ready()
        work(maintenance, place)

    return run


def _add(place: Place, ready: Callable[[], None]) -> None:
    index = Index(place.settings, WordEngine())
    ready()
    index.add("more", [place.texts("more")], instruction=DOCUMENT)
    index.sync("more")
    index.close()


def _watch(place: Place, ready: Callable[[], None]) -> None:
    """Follow the files until one change was taken in."""
    index = Index(place.settings, WordEngine())
    watch_module.LOOK_SECONDS, watch_module.QUIET_MS = 0.05, 20
    synced: list[str] = []

    def sync(name: str, paths: Any) -> Any:
        report = index.sync(name, only=paths)
        synced.append(name)
        return report

    watcher = Watcher(lambda: index, sync, place.index)
    watcher.start()
    while not watcher._events._folders:
        time.sleep(0.005)
    ready()
    while not synced:
        time.sleep(0.002)
    watcher.stop()
    index.close()


def _consolidate(place: Place, ready: Callable[[], None]) -> None:
    """Take the vectors of all collections into graphs, as if they were many."""
    snapshot.TAIL_VECTORS = 2
    engine = LocalVectorEngine(place.settings.vectors_dir, exact_vectors=4)
    store = Store(place.index)
    ready()
    with store.read() as connection:
        for collection in collections.collections(connection):
            assert collection.serving is not None
            engine.update(View(connection, collection, collection.serving))
    engine.close()
    store.close()


def _migrate(place: Place, ready: Callable[[], None]) -> None:
    ready()
    Store(place.old).close()


OPERATIONS: dict[str, Work] = {
    "add": _add,
    "sync": _with_index(lambda index: index.sync("docs")),
    "watch": _watch,
    "delete": _with_index(lambda index: index.remove("more")),
    "consolidate": _consolidate,
    "compact": _with_index(lambda index: index.compact()),
    "migrate": _migrate,
    "verify": _with_maintenance(lambda maintenance, _: maintenance.verify()),
    "import": _with_maintenance(
        lambda maintenance, place: maintenance.take(place.folder / "moved.export", replace=True)
    ),
    "export": _with_maintenance(lambda maintenance, place: maintenance.export(place.folder / "copy.export")),
    "backup": _with_maintenance(lambda maintenance, place: maintenance.backup(place.folder / "copy.db")),
    "restore": _with_maintenance(lambda maintenance, place: maintenance.restore(place.folder / "whole.db")),
    "repair": _with_maintenance(lambda maintenance, _: maintenance.repair()),
}


def _process(folder: str, operation: str, told: Connection) -> None:
    """What is killed: one operation, and then waiting."""
    embedding.CHUNKS_PER_CALL = PASSAGES_AT_ONCE
    OPERATIONS[operation](Place(Path(folder)), lambda: told.send("ready"))
    told.send("done")
    told.recv()


@dataclass
class Crashes:
    """Kills processes in turn, and counts: how many of each operation, and how many before they had finished."""

    place: Place
    chosen: random.Random
    kills: Counter[str] = field(default_factory=Counter)
    in_the_middle: Counter[str] = field(default_factory=Counter)
    _expected: dict[str, float] = field(default_factory=dict)
    _version: int = 0

    def __post_init__(self) -> None:
        # A fork of a process without threads, unlike that of a test.
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload([__name__, "faiss", "numpy"])
        embedding.CHUNKS_PER_CALL = PASSAGES_AT_ONCE
        for collection in ("docs", "more", "moved"):
            self.place.texts(collection).mkdir(parents=True)
            for number in range(FILES):
                self._write(self.place.texts(collection) / f"{number}.md")
        self._old_template = self._make_old()
        index = Index(self.place.settings, WordEngine())
        for collection in ("docs", "moved"):
            index.add(collection, [self.place.texts(collection)], instruction=DOCUMENT)
        index.sync()
        index.close()
        self._maintenance.export(self.place.folder / "moved.export", ["moved"])

    @property
    def _maintenance(self) -> Maintenance:
        return Maintenance(self.place.settings, WordEngine())

    def kill_one(self, operation: str) -> None:
        """Kill one process during an operation, and check the index afterwards."""
        before = self._prepared(operation)
        held = Index(self.place.settings, WordEngine()) if self.chosen.random() < 0.5 else None
        if held is not None:
            held.names()
        changed = self._changed() if operation in ("sync", "add") else set()
        ours, theirs = self._processes.Pipe()
        process = self._processes.Process(target=_process, args=(str(self.place.folder), operation, theirs))
        process.start()
        theirs.close()
        assert ours.recv() == "ready"
        if operation == "watch":
            changed |= self._changed()
        started = time.monotonic()
        # The first of each operation is killed when it is done, which says how long it takes on this machine.
        expected = self._expected.get(operation)
        finished = ours.poll(600 if expected is None else self.chosen.uniform(0, 1.2 * expected))
        took = time.monotonic() - started
        process.kill()
        process.join()
        ours.close()
        if expected is None:
            self._expected[operation] = took
        else:
            self._expected[operation] = 0.7 * expected + 0.3 * took if finished else 1.03 * expected
        self.kills[operation] += 1
        self.in_the_middle[operation] += not finished
        if held is not None:
            held.names()
        if operation == "migrate":
            self._check_migrated()
        else:
            self._check(operation, before, changed, finished)
        if held is not None:
            assert set(held.names()) >= {"docs"}
            held.close()

    def _write(self, path: Path) -> None:
        self._version += 1
        paragraphs = [f"## Part {part}\n\nword{self._version}x{part} stands in it.\n" for part in range(3)]
        path.write_text(f"# Title of {path.stem}\n\nunique{self._version} is its word.\n\n" + "\n".join(paragraphs))

    def _changed(self) -> set[str]:
        """Change, make, move and delete files of `docs` and `more`; return the paths."""
        changed: set[str] = set()
        for collection in ("docs", "more"):
            folder = self.place.texts(collection)
            files = sorted(folder.iterdir())
            for path in self.chosen.sample(files, 2):
                self._write(path)
                changed.add(str(path))
            new = folder / f"new{self._version}.md"
            self._write(new)
            gone, moved = self.chosen.sample(files, 2)
            target = folder / f"moved{self._version}.md"
            moved.rename(target)
            gone.unlink()
            changed |= {str(path) for path in (new, gone, moved, target)}
        return changed

    def _prepared(self, operation: str) -> dict[str, Any]:
        """Bring the index into the state that an operation begins with, and return what is in it."""
        if operation == "migrate":
            shutil.rmtree(self.place.old.parent, ignore_errors=True)
            self.place.old.parent.mkdir()
            shutil.copy(self._old_template, self.place.old)
        index = Index(self.place.settings, WordEngine())
        if operation == "add" and "more" in index.names():
            index.remove("more")
        if operation == "delete" and "more" not in index.names():
            index.add("more", [self.place.texts("more")], instruction=DOCUMENT)
            index.sync("more")
        if operation == "consolidate" and self.chosen.random() < 0.5:
            # The graph that is killed while it is made is then a larger one than that of before.
            _consolidate(self.place, lambda: None)
            self._changed()
            index.sync("docs")
        index.close()
        if operation == "restore":
            self._maintenance.backup(self.place.folder / "whole.db")
        return contents(self.place.index)

    def _check(self, operation: str, before: dict[str, Any], changed: set[str], finished: bool) -> None:
        with contextlib.closing(sqlite3.connect(self.place.index)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert self._maintenance.verify()["problems"] == []
        if finished and operation == "consolidate":
            assert list(self.place.settings.vectors_dir.glob("*.hnsw"))
        after = contents(self.place.index)
        for collection, documents in before.items():
            if collection == "more" and operation == "delete":
                assert not finished or collection not in after
                continue
            kept = {path: rows for path, rows in documents.items() if path not in changed}
            assert kept.items() <= after[collection].items(), (operation, collection)
        index = Index(self.place.settings, WordEngine())
        for collection, documents in after.items():
            for path, rows in self.chosen.sample(sorted(documents.items()), min(2, len(documents))):
                word = rows[0][1].split("unique")[1].split()[0]
                mode = "hybrid" if operation == "consolidate" else "keyword"
                hits = ask(index, f"unique{word}", collection, mode=mode)["hits"]
                # A file that was moved is there twice until a sync is done, and shown once.
                places = [hits[0]["file"], *hits[0].get("also_in", ())] if hits else []
                assert any(place.split(", ")[0] == path for place in places), (operation, path, places)
        if finished and operation in ("add", "sync"):
            assert self._of_files(after, "more" if operation == "add" else "docs")
        index.sync()
        index.close()
        self._compare_with_fresh()
        for left in self.place.index.parent.glob("index.db.before-restore-*"):
            left.unlink()

    def _of_files(self, after: dict[str, Any], collection: str) -> bool:
        """Whether what is stored is what the files hold."""
        files = {str(path): path.read_text() for path in self.place.texts(collection).iterdir()}
        stored = after[collection]
        return files.keys() == stored.keys() and all(stored[path][0][1] in text for path, text in files.items())

    def _compare_with_fresh(self) -> None:
        """Texts, vectors and full text after a sync are those of an index that is made from nothing."""
        index = Index(self.place.settings, WordEngine())
        names = index.names()
        index.close()
        home = self.place.folder / "fresh"
        shutil.rmtree(home, ignore_errors=True)
        fresh = Index(Settings.load(home), WordEngine())
        for name in names:
            fresh.add(name, [self.place.texts(name)], instruction=DOCUMENT)
        fresh.sync()
        fresh.close()
        assert contents(self.place.index) == contents(home / "index.db")
        assert vocabulary(self.place.index) == vocabulary(home / "index.db")
        assert self._maintenance.verify()["problems"] == []

    def _make_old(self) -> Path:
        """Make an index of version 0.1.0 with many documents."""
        folder = self.place.folder / "template"
        folder.mkdir()
        zipfile.ZipFile(OLD_HOME).extractall(folder)
        with contextlib.closing(sqlite3.connect(folder / "index.db", isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("BEGIN")
            for number in range(OLD_DOCUMENTS):
                document = connection.execute(
                    "INSERT INTO documents (generation_id, path, place, size, mtime_ns, hash, title, modified) "
                    "SELECT generation_id, path || ?1, place || ?1, size, mtime_ns, hash, title, modified "
                    "FROM documents ORDER BY id LIMIT 1",
                    (number,),
                ).lastrowid
                chunk = connection.execute(
                    "INSERT INTO chunks (document_id, first_line, last_line, title, heading, text, digest, parts) "
                    "SELECT ?, first_line, last_line, title, heading, text || ?, digest, parts FROM chunks "
                    "ORDER BY id LIMIT 1",
                    (document, f" number{number}"),
                ).lastrowid
                connection.execute(
                    "INSERT INTO vectors SELECT ?, vector FROM vectors ORDER BY chunk_id LIMIT 1", (chunk,)
                )
            connection.execute("COMMIT")
        return folder / "index.db"

    def _check_migrated(self) -> None:
        """The next to open it finishes the migration: all is there, and the copy is what it was."""
        old = self.place.old
        Store(old).close()
        report = Maintenance(Settings.load(old.parent), WordEngine()).verify()
        assert report["problems"] == []
        assert report["checked"]["documents"] == 2 + OLD_DOCUMENTS
        with contextlib.closing(sqlite3.connect(old)) as connection:
            assert migrations.version(connection) == len(migrations.MIGRATIONS)
            found = connection.execute("SELECT count(*) FROM passages WHERE passages MATCH 'number7'").fetchone()
            assert found == (1,)
        copies = list(old.parent.glob("index.db.v*.backup"))
        for copy in copies:
            with contextlib.closing(sqlite3.connect(copy)) as connection:
                count = connection.execute("SELECT count(*) FROM documents").fetchone()
                assert (migrations.version(connection), count) == (4, (2 + OLD_DOCUMENTS,))
        assert copies


def contents(path: Path) -> dict[str, dict[str, list[tuple[str, str, str, bytes]]]]:
    """What an index holds: collection -> path -> title, text, heading and vector of each passage."""
    found: dict[str, dict[str, list[tuple[str, str, str, bytes]]]] = {}
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for (name,) in connection.execute("SELECT name FROM collections"):
            found[name] = {}
        rows = connection.execute(
            "SELECT name, path, chunks.title, text, heading, vector FROM collections "
            "JOIN generations ON generations.id = serving JOIN documents ON generation_id = generations.id "
            "JOIN chunks ON document_id = documents.id JOIN vectors ON chunk_id = chunks.id "
            "ORDER BY name, path, first_line, chunks.id"
        )
        for name, document, *passage in rows:
            found[name].setdefault(document, []).append(tuple(passage))
    return found


def vocabulary(path: Path) -> list[tuple[str, int, int]]:
    """Every term of the full text, in how many passages it is, and how often."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE VIRTUAL TABLE temp.terms USING fts5vocab (main, passages, row)")
        return connection.execute("SELECT term, doc, cnt FROM terms ORDER BY term").fetchall()
