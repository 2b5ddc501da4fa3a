"""An index that an older version wrote opens, answers and is brought up to date."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from openclaw_instructor.errors import StoreError
from openclaw_instructor.index import Index
from openclaw_instructor.index import migrations as steps
from openclaw_instructor.index.store import Store
from tests.index.word_engine import WordEngine, ask

# Two documents of /home/user/notes, indexed by 0.1.0 with vectors of hashed words.
OLD_HOME = Path(__file__).parent / "data" / "home-0.1.0.zip"
OLD_VERSION = 4


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> WordEngine:
    """An engine with the identities of the one that the old home was indexed with."""
    engine = WordEngine()

    def identity(instruction: str, extra: str = "") -> str:
        return hashlib.sha256(f"words|256|{instruction}|{extra}".encode()).hexdigest()[:32]

    monkeypatch.setattr(engine, "identity", identity)
    return engine


@pytest.fixture
def old_home(home: Path, tmp_path: Path) -> Path:
    """A home of 0.1.0 whose collection holds the folder `notes` below `tmp_path`."""
    home.mkdir()
    zipfile.ZipFile(OLD_HOME).extractall(home)
    (tmp_path / "notes" / "guides").mkdir(parents=True)
    (tmp_path / "notes" / "guides" / "install.md").write_text(
        "# Installing\n\nUse pip on any platform.\n\n## Linux\n\nInstall the package with `pip install thing`.\n"
    )
    (tmp_path / "notes" / "bread.md").write_text("# Bread\n\nKnead the dough and let it rise.\n")
    with sqlite3.connect(home / "index.db") as connection:
        assert steps.version(connection) == OLD_VERSION
        connection.execute("UPDATE roots SET path = ?", (str(tmp_path / "notes"),))
        connection.execute("UPDATE documents SET path = replace(path, '/home/user', ?)", (str(tmp_path),))
    connection.close()
    return home


@pytest.mark.parametrize("mode", ["hybrid", "vector", "keyword"])
def test_an_index_of_the_first_release_answers_and_says_that_a_sync_is_due(
    old_home: Path, open_index: Callable[..., Index], mode: str
) -> None:
    result = ask(open_index(), "how long does the dough rise", mode=mode)
    hit = result["hits"][0]
    assert (hit["title"], hit["lines"], hit["location"]) == ("Bread", "1-3", "lines 1-3")
    assert result["stale"]
    assert "cut by other rules; run `openclaw-instructor index sync docs`" in result["notes"][0]


def test_a_sync_of_an_index_of_the_first_release_embeds_nothing_that_is_the_same(
    old_home: Path, tmp_path: Path, open_index: Callable[..., Index], engine: WordEngine
) -> None:
    index = open_index()
    report = index.sync("docs").collections[0]
    assert (report.embedded, report.chunks) == (0, 3)
    assert not ask(index, "dough")["stale"]
    (status,) = index.status()
    assert (status.documents, status.folders) == (2, [str(tmp_path / "notes")])
    assert index.sync("docs").collections[0].unchanged == 2


def test_the_index_as_it_was_is_kept_once(old_home: Path) -> None:
    Store(old_home / "index.db").close()
    copy = old_home / f"index.db.v{OLD_VERSION}.backup"
    assert copy.stat().st_mode & 0o777 == 0o600
    connection = sqlite3.connect(copy)
    assert steps.version(connection) == OLD_VERSION
    assert connection.execute("SELECT count(*) FROM chunks").fetchone() == (3,)
    connection.close()
    os.utime(copy, (1, 1))
    Store(old_home / "index.db").close()
    assert copy.stat().st_mtime == 1
    assert {path.name for path in old_home.glob("*.tmp")} == set()


def test_a_new_index_is_not_copied(tmp_path: Path) -> None:
    Store(tmp_path / "index.db").close()
    assert list(tmp_path.glob("*.backup")) == []


def test_without_room_for_the_copy_nothing_is_changed(old_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy's place is taken by a folder, as a disk without room would refuse it."""
    (old_home / f"index.db.v{OLD_VERSION}.backup.{os.getpid()}.tmp").mkdir()
    with pytest.raises(StoreError, match=r"could not be copied before .*free disk space"):
        Store(old_home / "index.db")
    connection = sqlite3.connect(old_home / "index.db")
    assert steps.version(connection) == OLD_VERSION
    connection.close()
