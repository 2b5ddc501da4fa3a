"""A damaged file: every row on an intact page is saved, the file is kept, and a sync brings back the rest."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from openclaw_instructor.errors import StoreError
from openclaw_instructor.index import Index
from openclaw_instructor.index.maintenance import sqlite_log
from openclaw_instructor.index.maintenance.operations import Maintenance
from openclaw_instructor.index.maintenance.sqlite_pages import Pages
from tests.index.word_engine import DOCUMENT, WordEngine, ask

DOCUMENTS = 60
PAGE = 4_096


@pytest.fixture
def many(home: Path, tmp_path: Path, open_index: Callable[..., Index]) -> Path:
    """A closed index of many documents, each of which is one passage with a long text."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(DOCUMENTS):
        # Long enough that some texts need pages of their own.
        (folder / f"{number:02}.md").write_text(
            f"# Title{number}\n\nunique{number} " + "plain words " * 90 * (number % 3)
        )
    index = open_index()
    index.add("docs", [folder], instruction=DOCUMENT)
    index.sync()
    index.close()
    return folder


def root_of(path: Path, table: str) -> int:
    """The page at which a table begins."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0])


def spoil(path: Path, pages: list[int], data: bytes = b"\xa5") -> None:
    """Overwrite pages."""
    content = bytearray(path.read_bytes())
    for page in pages:
        content[(page - 1) * PAGE : page * PAGE] = (data * PAGE)[:PAGE]
    path.write_bytes(bytes(content))


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 100])


def without_header(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(b"\0" * 100 + content[100:])


def empty(path: Path) -> None:
    path.write_bytes(b"")


DAMAGES: dict[str, Callable[[Path], object]] = {
    "the root of the chunks": lambda path: spoil(path, [root_of(path, "chunks")]),
    "the root of the documents": lambda path: spoil(path, [root_of(path, "documents")]),
    "the root of the vectors": lambda path: spoil(path, [root_of(path, "vectors")]),
    "the collections": lambda path: spoil(path, [root_of(path, "collections")]),
    "the folders": lambda path: spoil(path, [root_of(path, "roots")]),
    "the generations": lambda path: spoil(path, [root_of(path, "generations")]),
    "the full text": lambda path: spoil(path, [root_of(path, "passages_data")]),
    "the schema": lambda path: spoil(path, [1]),
    "the header": without_header,
    "zeros": lambda path: spoil(path, [7, 12, 20], b"\0"),
    "half of it": truncated,
    "all of it": empty,
    "text": lambda path: path.write_bytes(b"this is no database at all, only text" * 2_000),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_readable_is_saved_and_the_rest_is_read_again(
    many: Path, home: Path, maintenance: Maintenance, open_index: Callable[..., Index], engine: WordEngine, damage: str
) -> None:
    path = home / "index.db"
    DAMAGES[damage](path)
    before = path.read_bytes()
    found = maintenance.verify()
    assert found["problems"][0]["part"] == "file"
    report = maintenance.repair()
    assert Path(report["kept"]).read_bytes() == before
    assert report["done"][0].startswith("the file was damaged: ")
    index = open_index()
    assert maintenance.verify()["problems"] == []
    if "docs" not in index.names() or damage == "the folders":
        index.add("docs", [many], instruction=DOCUMENT)
    engine.calls.clear()
    index.sync("docs")
    if damage in ("the collections", "the folders", "the generations", "the full text", "the schema", "the header"):
        assert engine.texts == []
    assert maintenance.verify()["problems"] == []
    for number in range(DOCUMENTS):
        assert ask(index, f"unique{number}", mode="keyword")["hits"][0]["title"] == f"Title{number}"
        assert ask(index, f"unique{number} title{number}", mode="vector")["hits"]


def test_two_thousand_flipped_bytes_lose_no_file(
    many: Path, home: Path, maintenance: Maintenance, open_index: Callable[..., Index]
) -> None:
    """Whatever was hit, the next sync has everything, and what was kept of it is right."""
    path = home / "index.db"
    content = bytearray(path.read_bytes())
    chosen = random.Random(4)
    for _ in range(2_000):
        content[chosen.randrange(len(content))] ^= 1 << chosen.randrange(8)
    path.write_bytes(bytes(content))
    maintenance.repair()
    index = open_index()
    index.add("docs", [many], instruction=DOCUMENT)
    index.sync("docs")
    maintenance.repair()
    index.sync("docs")
    assert maintenance.verify()["problems"] == []
    for number in range(DOCUMENTS):
        assert ask(index, f"unique{number}", mode="keyword")["hits"][0]["title"] == f"Title{number}"


def test_what_only_the_log_has_is_saved_too(
    docs: Index, home: Path, tmp_path: Path, maintenance_of: Callable[[Path], Maintenance], engine: WordEngine
) -> None:
    """The files as a killed process leaves them, and then the main one is damaged."""
    (other := tmp_path / "other").mkdir()
    for suffix in ("", "-wal"):
        (other / f"index.db{suffix}").write_bytes((home / f"index.db{suffix}").read_bytes())
    assert (other / "index.db-wal").stat().st_size > PAGE
    (other / "index.db").write_bytes(b"")
    report = maintenance_of(other).repair()
    assert "saved 1 collection, 3 documents, 5 chunks, 5 vectors" in report["done"]
    assert Path(f"{report['kept']}-wal").exists()
    assert not (other / "index.db-wal").exists() or not (other / "index.db-wal").stat().st_size


def test_a_log_is_read_as_far_as_it_is_whole(docs: Index, home: Path, tmp_path: Path) -> None:
    log = home / "index.db-wal"
    with log.open("rb") as file:
        size, whole = sqlite_log.pages(file)
    assert size == PAGE
    content = bytearray(log.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "wal").write_bytes(bytes(content))
    with (tmp_path / "wal").open("rb") as file:
        _, half = sqlite_log.pages(file)
    assert max(half.values()) < len(content) // 2 < max(whole.values())
    (tmp_path / "wal").write_bytes(b"no log")
    with (tmp_path / "wal").open("rb") as file:
        assert sqlite_log.pages(file) == (0, {})


def test_all_rows_of_an_intact_file_are_read(many: Path, home: Path) -> None:
    path = home / "index.db"
    with path.open("rb") as file:
        rows = list(Pages(file).rows())
    with contextlib.closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name, rootpage FROM sqlite_schema WHERE rootpage").fetchall()
        for table in ("documents", "chunks", "vectors"):
            content = {row[0]: row for row in connection.execute(f"SELECT * FROM {table}")}
            read = {row.rowid: (row.rowid, *row.values[1:]) for row in rows if row.root == dict(tables)[table]}
            assert read == content


def test_a_newer_version_is_not_repaired(many: Path, home: Path, maintenance: Maintenance) -> None:
    connection = sqlite3.connect(home / "index.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    content = (home / "index.db").read_bytes()
    for work in (maintenance.verify, maintenance.repair):
        with pytest.raises(StoreError, match="written by a newer openclaw-instructor; upgrade this one"):
            work()
    assert (home / "index.db").read_bytes() == content


def test_without_room_for_the_new_file_nothing_changes(many: Path, home: Path, maintenance: Maintenance) -> None:
    path = home / "index.db"
    spoil(path, [root_of(path, "chunks")])
    content = path.read_bytes()
    (home / f"index.db.{os.getpid()}.tmp.copy").mkdir()
    with pytest.raises(StoreError, match=r"could not be copied to be repaired .*free disk space"):
        maintenance.repair()
    assert path.read_bytes() == content
