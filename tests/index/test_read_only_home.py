"""A home that cannot be written, on a read-only disk or of another user: what was indexed is still found."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from openclaw_instructor import lock
from openclaw_instructor.errors import StoreError
from openclaw_instructor.index import Index
from openclaw_instructor.index.maintenance.operations import Maintenance
from openclaw_instructor.index.names import collection_names, without_collection
from openclaw_instructor.index.store import Store
from openclaw_instructor.registry import Registry
from openclaw_instructor.settings import Settings
from tests.index.word_engine import DOCUMENT, WordEngine, ask


@contextmanager
def read_only(home: Path) -> Iterator[None]:
    """Have nobody write to a folder: mounted read-only for root, without write permission for others."""
    if os.geteuid() == 0:
        if subprocess.call(["mount", "--bind", home, home], stderr=subprocess.DEVNULL):
            pytest.skip("root may write everywhere, and this place allows no mounts")
        try:
            subprocess.check_call(["mount", "-o", "remount,ro,bind", home])
            yield
        finally:
            subprocess.check_call(["umount", "--lazy", home])
        return
    home.chmod(0o500)
    yield
    home.chmod(0o700)


@pytest.fixture
def home(tmp_path: Path, folder: Path) -> Path:
    """A home with the folder as its collection `docs`, synced and closed."""
    settings = Settings(home=tmp_path / "home")
    index = Index(settings, WordEngine())
    index.add("docs", [folder], instruction=DOCUMENT)
    index.sync("docs")
    index.close()
    return settings.home


def test_what_was_indexed_is_found_and_nothing_is_changed(home: Path, folder: Path) -> None:
    with read_only(home):
        index = Index(Settings(home=home), WordEngine())
        assert ask(index, "dough")["hits"][0]["file"] == str(folder / "bread.md")
        assert [status.documents for status in index.status()] == [3]
        assert index.files("docs")
        assert index.catalogue.read("bread.md", "", 0, "docs", 500)["text"]
        for change in (
            lambda: index.remove("docs"),
            lambda: index.instruct("docs", "another "),
            lambda: index.sync(),
            lambda: index.compact(),
        ):
            with pytest.raises(StoreError, match="writable"):
                change()
        index.close()


def test_its_collections_are_known_by_name(home: Path) -> None:
    with read_only(home):
        assert collection_names(Settings(home=home)) == ["docs"]


def test_an_index_that_cannot_be_read_is_not_said_to_lack_a_collection(home: Path) -> None:
    settings = Settings(home=home)
    tasks = Registry.load(settings).tasks.values()
    assert without_collection(tasks, settings) == []
    settings.index_path.write_bytes(b"no index" * 1_000)
    assert without_collection(tasks, settings) == []
    settings.index_path.unlink()
    assert without_collection(tasks, settings) == [("search_docs", "docs")]


def test_what_a_killed_process_left_in_the_log_is_read_too(home: Path) -> None:
    killed = os.fork()
    if killed == 0:
        with Store(home / "index.db").write() as connection:
            connection.execute("UPDATE collections SET problem = 'left unmerged'")
        os._exit(0)
    os.waitpid(killed, 0)
    assert (home / "index.db-wal").stat().st_size
    with read_only(home):
        index = Index(Settings(home=home), WordEngine())
        assert index.status()[0].reason == "collection `docs`: left unmerged"
        index.close()
    (home / "index.db-shm").unlink()
    with read_only(home), pytest.raises(StoreError, match=r"before index.db-wal is merged into it"):
        Index(Settings(home=home), WordEngine())


def test_an_index_of_another_version_has_to_be_written_first(home: Path) -> None:
    store = Store(home / "index.db")
    with store.write() as connection:
        connection.execute("PRAGMA user_version = 3")
    store.close()
    with read_only(home), pytest.raises(StoreError, match="is of an older version and cannot be written"):
        Index(Settings(home=home), WordEngine())


def test_a_lock_that_cannot_be_written_is_still_seen(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    with lock.exclusive(folder / "sync.lock", 1, "testing"), read_only(folder):
        assert lock.held(folder / "sync.lock")
    assert not lock.held(folder / "sync.lock")
    assert not lock.held(folder / "other.lock")


def test_it_is_verified_backed_up_and_exported(home: Path, tmp_path: Path) -> None:
    maintenance = Maintenance(Settings(home=home), WordEngine())
    with read_only(home):
        report = maintenance.verify(full=True)
        assert (report["ok"], len(report["notes"])) == (True, 1)
        assert maintenance.backup(tmp_path / "copy.db")["documents"] == 3
        assert maintenance.export(tmp_path / "docs.export")["collections"][0]["documents"] == 3
        with pytest.raises(StoreError, match="writable"):
            maintenance.repair()
    assert maintenance.verify(full=True)["notes"] == []
