"""The SQLite file: migrations, modes, damage, and room."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from openclaw_instructor.errors import Busy, StoreError
from openclaw_instructor.index import Index, collections, fulltext
from openclaw_instructor.index import migrations as steps
from openclaw_instructor.index.query import parse
from openclaw_instructor.index.search import Mode
from openclaw_instructor.index.store import Store
from tests.index.word_engine import DOCUMENT, WordEngine, ask


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "index.db"


def test_only_the_owner_can_read_what_is_indexed(docs: Index, home: Path) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [home, *home.rglob("*")]}
    assert modes["home"] == modes["vectors"] == 0o700
    assert {mode for name, mode in modes.items() if name not in ("home", "vectors")} == {0o600}
    assert "index.db-wal" in modes


def test_every_step_is_counted_and_taken_once(path: Path) -> None:
    Store(path).close()
    with sqlite3.connect(path) as connection:
        assert steps.version(connection) == len(steps.MIGRATIONS)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    Store(path).close()


def test_an_older_file_takes_the_steps_it_lacks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store(path).close()
    monkeypatch.setattr(steps, "MIGRATIONS", (*steps.MIGRATIONS, "CREATE TABLE later (x);"))
    monkeypatch.setattr("openclaw_instructor.index.store.MIGRATIONS", steps.MIGRATIONS)
    store = Store(path)
    with store.read() as connection:
        assert connection.execute("SELECT count(*) FROM later").fetchone()[0] == 0
    store.close()


def first_version(path: Path) -> sqlite3.Connection:
    """An index as the first version wrote it, with a collection."""
    first = sqlite3.connect(path)
    first.executescript(f"{steps.MIGRATIONS[0]}PRAGMA user_version = 1;")
    first.execute("INSERT INTO collections (name, instruction) VALUES ('docs', '')")
    return first


def test_texts_indexed_before_names_and_runs_came_apart_are_found_by_their_words(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    first = first_version(path)
    first.execute(
        "INSERT INTO generations (collection_id, identity, space, checkpoint, dimension) VALUES (1, 'i', 's', 'c', 2)"
    )
    first.execute(
        "INSERT INTO documents (generation_id, path, place, size, mtime_ns, hash, title, modified) "
        "VALUES (1, '/a.md', 'a.md', 1, 1, 'h', 'A', 0)"
    )
    first.execute(
        "INSERT INTO chunks (document_id, first_line, last_line, title, heading, text, digest) "
        "VALUES (1, 1, 1, 'A', '', 'see getFileSize 東京都の天気', 'd')"
    )
    first.commit()
    first.close()
    store = Store(path)
    with store.read() as connection:
        table = fulltext.Table(connection, "passages")
        for query in ("size", "see", "天気", "get-file-size"):
            assert [match.key for match in fulltext.Lookup.of(table, parse(query)).matches(5)] == [1]
    with store.write() as connection:
        connection.execute("DELETE FROM chunks")
    with store.read() as connection:
        assert fulltext.Lookup.of(fulltext.Table(connection, "passages"), parse("size 天気")).matches(5) == []
        assert connection.execute("SELECT count(*) FROM passages_docsize").fetchone()[0] == 0
    store.close()


def test_an_include_of_before_still_takes_only_what_it_matches(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    first = first_version(path)
    roots = [(1, "/a", '["*.py", "src/"]', "[]"), (1, "/b", "[]", "[]")]
    first.executemany("INSERT INTO roots VALUES (?, ?, ?, ?)", roots)
    first.commit()
    first.close()
    store = Store(path)
    with store.read() as connection:
        (collection,) = collections.collections(connection)
    assert [root.include for root in collection.roots] == [("!*", "*.py", "src/"), ()]
    store.close()


def test_a_file_of_a_newer_version_is_left_alone(path: Path) -> None:
    Store(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="newer openclaw-instructor; upgrade"):
        Store(path)


def test_many_can_create_the_same_file_at_once(path: Path) -> None:
    problems: list[BaseException] = []

    def create() -> None:
        try:
            Store(path).close()
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_a_write_is_all_or_nothing(path: Path) -> None:
    store = Store(path)

    def write_half() -> None:
        with store.write() as connection:
            connection.execute("INSERT INTO collections (name, instruction) VALUES ('a', '')")
            raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        write_half()
    with store.read() as connection:
        assert connection.execute("SELECT count(*) FROM collections").fetchone()[0] == 0
    store.close()


def test_a_reader_sees_one_state_while_others_write(path: Path) -> None:
    store = Store(path)
    with store.read() as reader:
        assert reader.execute("SELECT count(*) FROM collections").fetchone()[0] == 0
        with store.write() as writer:
            writer.execute("INSERT INTO collections (name, instruction) VALUES ('a', '')")
        assert reader.execute("SELECT count(*) FROM collections").fetchone()[0] == 0
    with store.read() as reader:
        assert reader.execute("SELECT count(*) FROM collections").fetchone()[0] == 1
    store.close()


def test_a_full_disk_is_said_plainly_and_loses_nothing(docs: Index, folder: Path) -> None:
    with docs._store.read() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    docs._store._writer.execute(f"PRAGMA max_page_count = {pages + 1}")
    (folder / "big.txt").write_text("\n\n".join(f"paragraph {i} " * 50 for i in range(200)))
    with pytest.raises(StoreError, match=r"no room left to write .*free disk space"):
        docs.sync("docs")
    assert ask(docs, "bread dough")["hits"][0]["title"] == "Bread"
    docs._store._writer.execute("PRAGMA max_page_count = 1000000")
    assert docs.sync("docs").collections[0].added == 1
    assert not ask(docs, "bread dough")["stale"]


def test_a_read_only_file_is_said_plainly(docs: Index, folder: Path) -> None:
    docs._store._writer.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreError, match=r"cannot be written .*make it and its folder writable"):
        docs.sync("docs")


def test_a_writer_that_never_ends_is_busy(docs: Index, home: Path) -> None:
    docs._store._writer.execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(home / "index.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Busy, match="another process is writing"):
        docs.remove("docs")
    other.close()


def test_home_that_cannot_be_made_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot be opened for writing .*OPENCLAW_INSTRUCTOR_HOME"):
        Store(tmp_path / "file" / "index.db")


@pytest.mark.parametrize(
    "damage", [b"this is no database at all, only text" * 200, b"SQLite format 3\0" + b"\xff" * 9000]
)
def test_a_damaged_file_is_said_plainly(path: Path, damage: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(damage)
    with pytest.raises(StoreError, match=r"is damaged .*`openclaw-instructor index repair`"):
        Store(path)


def test_a_closed_store_says_so(open_index: Callable[..., Index]) -> None:
    index = open_index(WordEngine())
    index.close()
    with pytest.raises(StoreError, match="closed"):
        index.status()


def test_deleting_a_collection_leaves_nothing_behind(docs: Index, home: Path, folder: Path) -> None:
    docs.add("other", [folder], instruction=DOCUMENT)
    docs.remove("docs")
    with docs._store.read() as connection:
        tables = ("documents", "chunks", "vectors", "generations")
        assert [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables] == [0] * 4
        matches = connection.execute("SELECT count(*) FROM passages WHERE passages MATCH 'bread'").fetchone()
        assert matches[0] == 0
    assert list((home / "vectors").iterdir()) == []
    assert [status.name for status in docs.status()] == ["other"]


def test_a_file_that_is_moved_away_is_made_anew(docs: Index, home: Path, folder: Path) -> None:
    (home / "index.db").rename(home / "old.db")
    assert ask(docs, "knead the dough")["collections_searched"] == []
    docs.add("docs", [folder], instruction=DOCUMENT)
    docs.sync()
    assert ask(docs, "knead the dough")["hits"][0]["title"] == "Bread"
    with sqlite3.connect(home / "index.db") as connection:
        assert connection.execute("SELECT count(*) FROM documents").fetchone() == (3,)
    connection.close()


@pytest.mark.parametrize("mode", ["vector", "keyword"])
def test_an_index_put_back_from_a_backup_is_followed_with_its_vectors(
    docs: Index, home: Path, folder: Path, mode: Mode
) -> None:
    """As many changes after the backup as were lost with it, so that counting them would not tell the two apart."""
    path = home / "index.db"
    copy = home.parent / "copy.db"
    with contextlib.closing(sqlite3.connect(path)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    (folder / "new.md").write_text("An otter swims.\n")
    docs.sync("docs")
    assert ask(docs, "otter swims", mode=mode)["hits"][0]["snippet"] == "An otter swims."
    copy.replace(path)
    (folder / "new.md").write_text("A walrus sleeps.\n")
    report = docs.sync("docs").collections[0]
    assert (report.added, report.changed, report.removed, report.unchanged) == (1, 0, 0, 3)
    assert ask(docs, "walrus sleeps", mode=mode)["hits"][0]["snippet"] == "A walrus sleeps."
    assert "otter" not in str(ask(docs, "otter swims", mode=mode)["hits"])


@pytest.mark.parametrize("word", [b"tablechunks", b"indexchunks", b"CREATE TABLE", b"INTEGER"])
def test_a_garbled_schema_is_damage(path: Path, word: bytes) -> None:
    """SQLite quotes it in its message, which then is no text."""
    Store(path).close()
    data = path.read_bytes()
    assert word in data
    path.write_bytes(data.replace(word, b"\xff\x80" + word[2:]))
    with (
        pytest.raises(StoreError, match=r"is damaged .*`openclaw-instructor index repair`"),
        contextlib.closing(Store(path)) as garbled,
        garbled.read() as connection,
    ):
        connection.execute("SELECT count(*) FROM chunks").fetchone()
