"""A backup is whole, may be made at any time, and is put back without losing either index."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from openclaw_instructor.errors import InstructorError, InvalidArguments, InvalidData, UnreadableSource
from openclaw_instructor.index import Index, replacement
from openclaw_instructor.index.maintenance.operations import Maintenance
from openclaw_instructor.index.store import Store
from tests.index.word_engine import ask


def test_a_backup_holds_the_index_and_is_one_file(docs: Index, maintenance: Maintenance, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    done = maintenance.backup(target)
    assert done | {"bytes": 0} == {
        "file": str(target),
        "bytes": 0,
        "collections": 1,
        "documents": 3,
        "chunks": 5,
        "vectors": 5,
    }
    assert target.stat().st_mode & 0o777 == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"home", "notes", "copy.db"}
    with contextlib.closing(sqlite3.connect(target)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert maintenance.backup(target)["documents"] == 3


def test_a_backup_during_a_sync_is_one_state(
    docs: Index, folder: Path, maintenance: Maintenance, tmp_path: Path
) -> None:
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            (folder / "bread.md").write_text(f"# Bread {number}\n\nKnead it.\n")
            docs.sync("docs")
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            assert maintenance.backup(tmp_path / f"{number}.db")["documents"] == 3
    finally:
        stop.set()
        writer.join()


def test_a_backup_put_back_is_the_index_again_also_for_those_who_have_it_open(
    docs: Index, folder: Path, home: Path, maintenance: Maintenance, tmp_path: Path, open_index: Callable[..., Index]
) -> None:
    maintenance.backup(tmp_path / "copy.db")
    (folder / "new.md").write_text("An otter swims.\n")
    docs.sync("docs")
    done = maintenance.restore(tmp_path / "copy.db")
    assert (done["documents"], done["kept"]) == (3, str(home / "index.db.before-restore-1"))
    for index in (docs, open_index()):
        assert "otter" not in str(ask(index, "otter swims")["hits"])
        assert ask(index, "knead the dough")["hits"][0]["title"] == "Bread"
    assert docs.sync("docs").collections[0].added == 1
    assert ask(docs, "otter swims")["hits"][0]["snippet"] == "An otter swims."
    assert not Path(f"{done['kept']}-wal").exists()
    with contextlib.closing(sqlite3.connect(done["kept"])) as connection:
        assert connection.execute("SELECT count(*) FROM documents").fetchone() == (4,)
    assert maintenance.verify()["ok"]


def test_an_index_of_nothing_takes_a_backup(
    docs: Index, maintenance: Maintenance, tmp_path: Path, maintenance_of: Callable[[Path], Maintenance]
) -> None:
    maintenance.backup(tmp_path / "copy.db")
    other = maintenance_of(tmp_path / "other")
    assert other.restore(tmp_path / "copy.db")["kept"] is None
    assert other.verify()["checked"]["documents"] == 3


@pytest.mark.parametrize("waiting", [True, False])
def test_a_replacement_that_was_cut_off_is_finished_by_the_next(
    docs: Index, home: Path, maintenance: Maintenance, folder: Path, open_index: Callable[..., Index], waiting: bool
) -> None:
    """As a crash leaves it, before the log of the old file is gone and after."""
    path = home / "index.db"
    maintenance.backup(replacement.waiting(path))
    (folder / "new.md").write_text("An otter swims.\n")
    if waiting:
        docs._store._follow()
    else:
        (home / "index.db-wal").unlink()
    index = open_index()
    assert "otter" not in str(ask(index, "otter swims")["hits"])
    assert maintenance.verify()["checked"]["documents"] == 3
    assert not replacement.waiting(path).exists()


def test_a_writer_that_waited_for_a_replacement_writes_to_the_new_file(
    docs: Index, home: Path, maintenance: Maintenance, tmp_path: Path
) -> None:
    maintenance.backup(tmp_path / "copy.db")
    path = home / "index.db"
    other = Store(path)
    started = threading.Event()

    def remove() -> None:
        started.set()
        docs.remove("docs")

    with other.write():
        remover = threading.Thread(target=remove)
        remover.start()
        started.wait()
        replacement.put(path, Path(maintenance.backup(home / "fresh.db")["file"]), home / "kept.db")
    remover.join()
    other.close()
    assert maintenance.verify()["checked"]["collections"] == 0


def garbled(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + b"\xa5" * (len(content) // 2))


@pytest.mark.parametrize(
    ("spoil", "error", "said"),
    [
        (garbled, InvalidData, "is damaged"),
        (lambda path: path.write_bytes(b"text"), InvalidData, "is no backup of an index"),
        (lambda path: path.write_bytes(b""), InvalidData, "is no backup of an index"),
        (lambda path: path.unlink(), UnreadableSource, "there is no file"),
    ],
)
def test_what_is_no_whole_backup_is_not_put_back(
    docs: Index,
    maintenance: Maintenance,
    home: Path,
    tmp_path: Path,
    spoil: Callable[[Path], None],
    error: type[InstructorError],
    said: str,
) -> None:
    copy = tmp_path / "copy.db"
    maintenance.backup(copy)
    spoil(copy)
    with pytest.raises(error, match=said):
        maintenance.restore(copy)
    assert ask(docs, "knead the dough")["hits"][0]["title"] == "Bread"
    assert not list(home.glob("*.tmp*"))


def test_a_database_of_others_is_not_put_back(docs: Index, maintenance: Maintenance, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE mine (x)")
    with pytest.raises(InvalidData, match="is no index"):
        maintenance.restore(tmp_path / "other.db")


@pytest.mark.parametrize("name", ["notes.txt", "home/index.db", "home/index.db-wal", "notes", "none/copy.db"])
def test_a_backup_overwrites_nothing_else(docs: Index, maintenance: Maintenance, tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.txt").write_text("not to be lost")
    before = ask(docs, "knead the dough")
    with pytest.raises((InvalidArguments, UnreadableSource)):
        maintenance.backup(tmp_path / name)
    assert (tmp_path / "notes.txt").read_text() == "not to be lost"
    assert ask(docs, "knead the dough") == before
