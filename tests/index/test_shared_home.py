"""A home that several share: processes, users, and disks on which nothing can be locked."""

from __future__ import annotations

import errno
import fcntl
import os
import re
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
from tests.index.crashing import contents
from tests.index.word_engine import DOCUMENT, ask

ROUNDS = 6
# Adds, syncs and removes collections of its own, and searches, while others do the same.
WORK = """
import sys
from pathlib import Path
from tests.index.word_engine import DOCUMENT, WordEngine, ask
from openclaw_instructor.index import Index
from openclaw_instructor.index.maintenance.operations import Maintenance
from openclaw_instructor.settings import Settings

home, folder, name, rounds = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
engine = WordEngine()
index = Index(Settings.load(home), engine)
for number in range(rounds):
    index.add(name, [folder], instruction=DOCUMENT)
    index.sync()
    assert ask(index, "knead the dough", name)["hits"][0]["title"] == "Bread"
    if number % 3 == 1:
        Maintenance(index.settings, engine).backup(home.parent / f"{name}.db")
    if number % 3 == 2:
        index.compact()
    if number + 1 < rounds:
        index.remove(name)
index.close()
"""


def test_processes_that_write_at_once_lose_nothing_of_each_other(
    docs: Index, home: Path, folder: Path, tmp_path: Path
) -> None:
    """As a daemon and command lines in process do; the one here searches and syncs meanwhile."""
    workers = [
        subprocess.Popen([sys.executable, "-c", WORK, str(home), str(folder), name, str(ROUNDS)])
        for name in ("one", "two")
    ]
    try:
        while any(worker.poll() is None for worker in workers):
            docs.sync("docs")
            assert ask(docs, "knead the dough")["hits"][0]["title"] == "Bread"
    finally:
        for worker in workers:
            worker.kill() if worker.poll() is None else None
    assert [worker.wait() for worker in workers] == [0, 0]
    found = contents(home / "index.db")
    assert {name: len(documents) for name, documents in found.items()} == {"docs": 3, "one": 3, "two": 3}
    assert Maintenance(docs.settings, docs.engine).verify()["problems"] == []


# Opens the index as another user.
AS_USER = """
import os, sys
from pathlib import Path
from openclaw_instructor.errors import InstructorError
from openclaw_instructor.index.store import Store
os.setgid(12345)
os.setuid(12345)
try:
    store = Store(Path(sys.argv[1]))
    with store.write() as connection:
        connection.execute("INSERT INTO collections (name, instruction) VALUES ('theirs', '')")
    store.close()
    print("written")
except InstructorError as error:
    print(error.message)
"""


@pytest.fixture
def as_user(tmp_path: Path) -> Callable[[Path], str]:
    """Opens an index as another user of the machine, below a folder that everybody may look into."""
    if os.geteuid():
        pytest.skip("another user takes root")

    def run(path: Path) -> str:
        # Each worker of the tests has a folder of its own in between.
        for folder in (tmp_path, *tmp_path.parents):
            if folder.stat().st_mode & 0o005 != 0o005:
                folder.chmod(folder.stat().st_mode | 0o005)
        done = subprocess.run([sys.executable, "-c", AS_USER, str(path)], stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout

    return run


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        ([], r"cannot be opened for writing \(Permission denied\)"),
        (["."], r"cannot be opened for writing \(Permission denied\)"),
        (["index.db"], r"cannot be opened for writing \(Permission denied\)"),
        # As `sudo` leaves it: the file is the user's, and what lies beside it is root's.
        ([".", "index.db"], r"cannot be written .*make it and its folder writable"),
    ],
    ids=["all of it is another's", "its file is another's", "its folder is another's", "its log is another's"],
)
def test_another_user_is_told_what_cannot_be_written(
    docs: Index, home: Path, as_user: Callable[[Path], str], theirs: list[str], said: str
) -> None:
    before = contents(home / "index.db")
    for name in theirs:
        os.chown(home / name, 12_345, 12_345)
    assert re.search(said, as_user(home / "index.db"))
    assert contents(home / "index.db") == before
    assert ask(docs, "knead the dough")["hits"][0]["title"] == "Bread"


def test_a_disk_without_locks_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite's own way of doing without: what it does where a network disk has none."""
    monkeypatch.setattr(Store, "_connect", unlocked)
    with pytest.raises(StoreError, match=r"whose locks cannot be used .*OPENCLAW_INSTRUCTOR_HOME"):
        Store(home / "index.db")


def test_an_index_that_was_moved_to_a_disk_without_locks_is_named_and_unharmed(
    docs: Index, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs.close()
    content = (home / "index.db").read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(Store, "_connect", unlocked)
        with pytest.raises(StoreError, match=r"OPENCLAW_INSTRUCTOR_HOME"):
            Store(home / "index.db")
    assert (home / "index.db").read_bytes() == content
    assert Maintenance(docs.settings, docs.engine).verify()["problems"] == []


def unlocked(store: Store) -> sqlite3.Connection:
    """Connect as on a disk that cannot lock and shares no memory."""
    return sqlite3.connect(
        f"{store.path.as_uri()}?vfs=unix-none", uri=True, isolation_level=None, check_same_thread=False
    )


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_disk_that_refuses_locks_is_named(
    docs: Index, folder: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(StoreError, match="nothing can be locked on the file system of this home"):
        docs.sync()
    monkeypatch.undo()
    docs.add("docs", [folder], instruction=DOCUMENT)
    assert docs.sync().collections[0].unchanged == 3
