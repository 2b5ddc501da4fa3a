"""What befalls the file of the index: each damage is named with its way out, and nothing intact is lost."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from openclaw_instructor.errors import StoreError
from openclaw_instructor.index import Index
from openclaw_instructor.index.maintenance.operations import Maintenance
from openclaw_instructor.index.store import Store
from openclaw_instructor.settings import Settings
from tests.index.word_engine import DOCUMENT, WordEngine, ask

# Another process that opens the index, counts its collections and closes it.
LOOK = """
import sys
from pathlib import Path
from openclaw_instructor.index.store import Store
store = Store(Path(sys.argv[1]))
with store.read() as connection:
    print(connection.execute("SELECT count(*) FROM collections").fetchone()[0])
store.close()
"""


def collections_seen_elsewhere(path: Path) -> int:
    """How many collections another process finds."""
    done = subprocess.run([sys.executable, "-c", LOOK, str(path)], stdout=subprocess.PIPE, text=True, check=True)
    return int(done.stdout)


def test_a_second_store_in_a_process_does_not_drop_the_locks_of_the_first(docs: Index, home: Path) -> None:
    """Closing any descriptor of a file drops all locks of the process on it; the next to leave would delete the log."""
    second = Store(home / "index.db")
    assert collections_seen_elsewhere(home / "index.db") == 1
    docs.add("more", [home.parent / "notes"], instruction=DOCUMENT)
    assert collections_seen_elsewhere(home / "index.db") == 2
    second.close()


def test_a_log_that_is_deleted_while_it_is_in_use_loses_nothing(
    docs: Index, home: Path, folder: Path, open_index: Callable[..., Index]
) -> None:
    (folder / "new.md").write_text("An otter swims.\n")
    docs.sync("docs")
    (home / "index.db-wal").unlink()
    assert ask(docs, "otter swims")["hits"][0]["snippet"] == "An otter swims."
    (folder / "newer.md").write_text("A walrus sleeps.\n")
    docs.sync("docs")
    other = open_index()
    for text in ("An otter swims.", "A walrus sleeps."):
        assert ask(other, text)["hits"][0]["snippet"] == text


def test_a_folder_in_its_place_is_named(home: Path) -> None:
    (home / "index.db").mkdir(parents=True)
    with pytest.raises(StoreError, match=r"index\.db is a folder, and the index belongs there; move that folder away"):
        Store(home / "index.db")


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])


def garbled(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:4_096] + b"\xa5" * (len(content) - 4_096))


FILES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut off": cut_off,
    "garbled": garbled,
    "random from its beginning": lambda path: path.write_bytes(b"\xa5" * 50_000),
    "text": lambda path: path.write_text("notes of mine\n" * 1_000),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
}


@pytest.mark.parametrize("while_open", [False, True], ids=["closed", "replaced while open"])
@pytest.mark.parametrize("damage", FILES)
def test_a_damaged_file_is_named_and_repaired_with_everything(
    docs: Index, home: Path, folder: Path, open_index: Callable[..., Index], damage: str, while_open: bool
) -> None:
    """Each command names the way out and changes nothing; after it, all is there again."""
    path = home / "index.db"
    docs.close()
    held = open_index() if while_open else None
    if held is not None:
        assert ask(held, "knead the dough")["hits"]
    spoilt = home.parent / "spoilt.db"
    spoilt.write_bytes(path.read_bytes())
    FILES[damage](spoilt)
    content = spoilt.read_bytes()
    spoilt.replace(path)
    for _ in range(2):
        with pytest.raises(StoreError, match=r"is damaged .*run `openclaw-instructor index repair`"):
            everything(held or open_index())
    assert path.read_bytes() == content
    maintenance = Maintenance(docs.settings, docs.engine)
    report = maintenance.repair()
    assert Path(report["kept"]).read_bytes() == content
    index = held or open_index()
    if "docs" not in index.names():
        index.add("docs", [folder], instruction=DOCUMENT)
    index.sync("docs")
    assert maintenance.verify()["problems"] == []
    assert ask(index, "knead the dough")["hits"][0]["title"] == "Bread"


def everything(index: Index) -> None:
    """Read and write everything that there is."""
    index.sync(full=True)
    ask(index, "knead the dough", mode="keyword")
    ask(index, "knead the dough", mode="vector")
    index.add("more", [index.settings.home.parent / "notes"], instruction=DOCUMENT)
    index.sync()


def test_an_empty_file_of_an_index_with_nothing_in_it_is_a_new_one(home: Path) -> None:
    """As a process leaves it that was killed at its first moment."""
    home.mkdir(exist_ok=True)
    (home / "index.db").touch()
    Store(home / "index.db").close()


def test_another_index_put_in_its_place_is_followed(
    docs: Index, home: Path, folder: Path, tmp_path: Path, engine: WordEngine
) -> None:
    other = Index(Settings.load(tmp_path / "other"), engine)
    (tmp_path / "zoo").mkdir()
    (tmp_path / "zoo" / "otter.md").write_text("An otter swims.\n")
    other.add("zoo", [tmp_path / "zoo"], instruction=DOCUMENT)
    other.sync()
    other.close()
    (tmp_path / "other" / "index.db").replace(home / "index.db")
    assert docs.names() == ["zoo"]
    assert ask(docs, "otter swims", "zoo")["hits"][0]["snippet"] == "An otter swims."
    docs.add("docs", [folder], instruction=DOCUMENT)
    docs.sync()
    assert Maintenance(docs.settings, engine).verify()["problems"] == []


def test_a_log_that_is_deleted_while_nobody_uses_it_costs_only_the_last_changes(
    docs: Index, home: Path, folder: Path, tmp_path: Path, engine: WordEngine
) -> None:
    """The files as a killed process leaves them, without the log."""
    (folder / "new.md").write_text("An otter swims.\n")
    docs.sync("docs")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "index.db").write_bytes((home / "index.db").read_bytes())
    settings = Settings.load(tmp_path / "other")
    maintenance = Maintenance(settings, engine)
    if not maintenance.verify()["ok"]:
        maintenance.repair()
    index = Index(settings, engine)
    index.add("docs", [folder], instruction=DOCUMENT)
    index.sync("docs")
    assert maintenance.verify()["problems"] == []
    assert ask(index, "otter swims")["hits"][0]["snippet"] == "An otter swims."
    index.close()


@pytest.mark.parametrize("damage", ["chunks", "passages_data"])
def test_a_page_that_is_damaged_under_an_open_index_is_found(docs: Index, home: Path, damage: str) -> None:
    """A part of the disk that has gone bad; SQLite's own check finds it, and repair saves the rest."""
    path = home / "index.db"
    docs.compact()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (damage,)).fetchone()
    docs.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * 4_096)
        file.write(b"\xa5" * 4_096)
    maintenance = Maintenance(docs.settings, docs.engine)
    assert maintenance.verify()["problems"][0]["part"] == "file"
    assert maintenance.repair()["kept"]
    index = Index(docs.settings, docs.engine)
    index.sync("docs")
    assert maintenance.verify()["problems"] == []
    index.close()
