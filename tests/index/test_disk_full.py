"""A disk that is full at any moment: the message says so, nothing is lost, and with room again the work goes on.

On a small disk of its own, which takes root; elsewhere a limit on the size of files, in a process of its own.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from openclaw_instructor.errors import InstructorError
from openclaw_instructor.index import Index
from openclaw_instructor.index.maintenance.operations import Maintenance
from openclaw_instructor.index.store import Store
from openclaw_instructor.settings import Settings
from tests.index.crashing import contents
from tests.index.test_migrations import OLD_VERSION
from tests.index.test_migrations import old_home as old_home
from tests.index.word_engine import DOCUMENT, WordEngine, ask

DISK_BYTES = 4_000_000
PAGE = 4_096
NOTHING_SAID = "there was room"
SAID = r"\broom\b|space|No space left|disk did not read or write"


class Disk:
    """A small disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def leave(self, room: int) -> None:
        """Fill the disk up to so many bytes."""
        free = os.statvfs(self.folder)
        with self._filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_bsize - room or 1)

    def empty(self) -> None:
        """Make room again."""
        self._filler.unlink(missing_ok=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    if os.geteuid() or not sys.platform.startswith("linux") or subprocess.run(mount, check=False).returncode:
        pytest.skip("a small disk takes root on Linux")
    yield Disk(folder)
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def full(disk: Disk, folder: Path, engine: WordEngine) -> Iterator[tuple[Index, Disk]]:
    """An index on the small disk, with much more to be indexed."""
    index = Index(Settings.load(disk.folder / "home"), engine)
    index.add("docs", [folder], instruction=DOCUMENT)
    index.sync("docs")
    for number in range(8):
        (folder / f"more{number}.md").write_text("\n\n".join(f"paragraph {number} {part} " * 40 for part in range(20)))
    yield index, disk
    index.close()


def refusal(work: Callable[[], object]) -> str:
    """What is said of work that cannot be done; NOTHING_SAID if it was done."""
    try:
        work()
    except InstructorError as error:
        return error.message
    return NOTHING_SAID


OPERATIONS: dict[str, Callable[[Index, Maintenance, Path], object]] = {
    "sync": lambda index, maintenance, folder: index.sync("docs"),
    "add": lambda index, maintenance, folder: index.add("more", [folder], instruction=DOCUMENT),
    "remove": lambda index, maintenance, folder: index.remove("gone"),
    "compact": lambda index, maintenance, folder: index.compact(),
    "backup": lambda index, maintenance, folder: maintenance.backup(maintenance._path.with_name("copy.db")),
    "export": lambda index, maintenance, folder: maintenance.export(maintenance._path.with_name("copy.export")),
    "import": lambda index, maintenance, folder: maintenance.take(folder.parent / "docs.export", replace=True),
    "restore": lambda index, maintenance, folder: maintenance.restore(folder.parent / "copy.db"),
    "repair": lambda index, maintenance, folder: maintenance.repair(),
    "verify": lambda index, maintenance, folder: maintenance.verify(),
}


@pytest.mark.parametrize("room", [0, 2, 20])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_full_disk_loses_nothing(full: tuple[Index, Disk], folder: Path, operation: str, room: int) -> None:
    """`room` is in pages."""
    index, disk = full
    maintenance = Maintenance(index.settings, index.engine)
    index.add("gone", [folder / "trip.txt"], instruction=DOCUMENT)
    index.sync("gone")
    maintenance.export(folder.parent / "docs.export", ["docs"])
    maintenance.backup(folder.parent / "copy.db")
    if operation == "repair":
        with index._store.write() as connection:
            connection.execute("INSERT INTO passages (passages) VALUES ('delete-all')")
    before = contents(index.settings.index_path)["docs"]
    disk.leave(room * PAGE)
    assert re.search(SAID, refusal(lambda: OPERATIONS[operation](index, maintenance, folder)))
    assert before.items() <= contents(index.settings.index_path)["docs"].items()
    if operation != "repair":
        assert ask(index, "knead the dough", mode="keyword")["hits"][0]["title"] == "Bread"
    disk.empty()
    OPERATIONS[operation](index, maintenance, folder) if operation not in ("add", "remove") else None
    index.sync("docs")
    assert maintenance.verify()["problems"] == []
    assert ask(index, "knead the dough")["hits"][0]["title"] == "Bread"
    assert {path.name for path in index.settings.home.iterdir() if "tmp" in path.name} == set()


@pytest.mark.parametrize("room", [0, 1, 5, 20])
def test_a_full_disk_during_a_migration_leaves_the_old_index(disk: Disk, old_home: Path, room: int) -> None:
    home = disk.folder / "home"
    home.mkdir()
    (home / "index.db").write_bytes((old_home / "index.db").read_bytes())
    disk.leave(room * PAGE)
    assert re.search(SAID, refusal(lambda: Store(home / "index.db").close()))
    disk.empty()
    Store(home / "index.db").close()
    assert (home / f"index.db.v{OLD_VERSION}.backup").exists()
    report = Maintenance(Settings.load(home), WordEngine()).verify()
    assert (report["problems"], report["checked"]["documents"]) == ([], 2)


@pytest.mark.parametrize("room", [0, 1, 20])
def test_a_damaged_index_on_a_full_disk_is_left_as_it_is(full: tuple[Index, Disk], room: int) -> None:
    index, disk = full
    index.close()
    path = index.settings.index_path
    path.write_bytes(path.read_bytes()[:-PAGE] + b"\xa5" * PAGE if room else b"\xa5" * 50_000)
    damaged = path.read_bytes()
    maintenance = Maintenance(index.settings, index.engine)
    disk.leave(room * PAGE)
    said = refusal(maintenance.repair)
    assert re.search(SAID, said)
    assert said == NOTHING_SAID or path.read_bytes() == damaged
    disk.empty()
    maintenance.repair()
    assert maintenance.verify()["problems"] == []


# Syncs in a process whose files may not become larger than it is told.
SYNC = """
import resource, signal, sys
from pathlib import Path
from tests.index.word_engine import WordEngine
from openclaw_instructor.errors import InstructorError
from openclaw_instructor.index import Index
from openclaw_instructor.settings import Settings

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
index = Index(Settings.load(Path(sys.argv[1])), WordEngine())
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    index.sync("docs")
except InstructorError as error:
    print(error.message)
"""


@pytest.mark.parametrize("limit", [100_000, 200_000])
def test_a_limit_on_the_size_of_files_is_said_and_loses_nothing(
    docs: Index, folder: Path, home: Path, limit: int
) -> None:
    for number in range(8):
        (folder / f"more{number}.md").write_text("\n\n".join(f"paragraph {number} {part} " * 40 for part in range(20)))
    before = contents(home / "index.db")["docs"]
    docs.close()
    done = subprocess.run(
        [sys.executable, "-c", SYNC, str(home), str(limit)], stdout=subprocess.PIPE, text=True, check=True
    )
    assert "the disk did not read or write the index" in done.stdout
    assert "`openclaw-instructor index verify`" in done.stdout
    assert before.items() <= contents(home / "index.db")["docs"].items()
    index = Index(docs.settings, docs.engine)
    assert index.sync("docs").collections[0].error is None
    assert Maintenance(docs.settings, docs.engine).verify()["problems"] == []
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    index.close()
