"""Collections follow their files while a watcher lives."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from openclaw_instructor.errors import Busy
from openclaw_instructor.index import Index, SyncReport, disks, files
from openclaw_instructor.index import outcomes as outcomes_module
from openclaw_instructor.index import watch as watch_module
from openclaw_instructor.index.disks import Disk
from openclaw_instructor.index.watch import Mode, Watcher
from tests.index.word_engine import DOCUMENT, WordEngine, ask

Start = Callable[..., Watcher]


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "LOOK_SECONDS", 0.1)


@pytest.fixture
def synced() -> list[str]:
    """The collections that a watcher has synced, in order."""
    return []


@pytest.fixture
def start(index: Index, home: Path, synced: list[str]) -> Iterator[Start]:
    """Starts a watcher on the index, which ends with the test."""
    started: list[Watcher] = []

    def make(mode: Mode = "local", sync: Callable[[str], SyncReport] | None = None) -> Watcher:
        def counted(name: str, paths: Sequence[str] | None) -> SyncReport:
            synced.append(name)
            return sync(name) if sync else index.sync(name, only=paths)

        watcher = Watcher(lambda: index, counted, home / "index.db", mode)
        watcher.start()
        started.append(watcher)
        return watcher

    yield make
    for watcher in started:
        watcher.stop(60)


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def found(index: Index, query: str) -> bool:
    return bool(ask(index, query, mode="keyword")["hits"])


def followed(index: Index) -> None:
    """Wait until the watcher follows the collection docs; a file that is found says that events come."""
    until(lambda: index.watched)


def test_what_happens_to_files_is_found_and_moving_them_embeds_nothing(
    docs: Index, folder: Path, engine: WordEngine, start: Start
) -> None:
    start()
    followed(docs)
    assert docs.status("docs")[0].watched == "events"
    (folder / "trip.txt").write_text("An otter.\n")
    until(lambda: found(docs, "otter"))
    (folder / "new" / "deep").mkdir(parents=True)
    (folder / "new" / "deep" / "a.md").write_text("A gnu.\n")
    until(lambda: found(docs, "gnu"))
    engine.calls.clear()
    (folder / "new").rename(folder / "moved")
    (folder / "bread.md").rename(folder / "cake.md")
    until(lambda: ask(docs, "gnu", mode="keyword")["hits"][0]["file"] == str(folder / "moved" / "deep" / "a.md"))
    until(lambda: ask(docs, "knead", mode="keyword")["hits"][0]["file"] == str(folder / "cake.md"))
    assert engine.calls == []
    (folder / "cake.md").unlink()
    until(lambda: not found(docs, "knead"))


def test_a_burst_of_changes_costs_one_sync(
    docs: Index, folder: Path, start: Start, synced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "QUIET_MS", 700)
    start()
    followed(docs)
    for number in range(300):
        (folder / f"{number}.md").write_text(f"otter{number}\n")
    until(lambda: found(docs, "otter299"))
    assert found(docs, "otter0")
    assert synced == ["docs"]


def test_what_happened_before_is_taken_in_at_the_start(docs: Index, folder: Path, start: Start) -> None:
    (folder / "new.md").write_text("An otter.\n")
    start()
    until(lambda: found(docs, "otter"))


def test_without_changes_nothing_is_synced(docs: Index, start: Start, synced: list[str], engine: WordEngine) -> None:
    engine.calls.clear()
    watcher = start()
    followed(docs)
    watcher.stop(60)
    assert synced == []
    assert engine.calls == []


def test_collections_that_are_added_later_are_followed(
    index: Index, folder: Path, start: Start, tmp_path: Path
) -> None:
    start()
    index.add("docs", [folder], instruction=DOCUMENT)
    index.sync("docs")
    (tmp_path / "one.md").write_text("A gnu.\n")
    index.add("single", [tmp_path / "one.md"], instruction=DOCUMENT)
    index.sync("single")
    until(lambda: len(index.watched) == 2)
    (folder / "new.md").write_text("An otter.\n")
    (tmp_path / "one.md").write_text("A walrus.\n")
    until(lambda: found(index, "otter"))
    until(lambda: ask(index, "walrus", "single", mode="keyword")["hits"])
    index.remove("single")
    until(lambda: len(index.watched) == 1)


def test_a_collection_that_was_never_synced_is_left_to_its_owner(
    index: Index, folder: Path, docs: Index, start: Start, synced: list[str]
) -> None:
    index.add("later", [folder], instruction=DOCUMENT)
    start()
    followed(index)
    assert list(index.watched) == ["docs"]
    assert synced == []


def test_off_is_off(docs: Index, folder: Path, start: Start) -> None:
    watcher = start("off")
    (folder / "new.md").write_text("An otter.\n")
    watcher.stop(60)
    assert docs.watched == {}
    assert not found(docs, "otter")


def test_a_disk_that_tells_nothing_is_compared_now_and_then(
    docs: Index, folder: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "disk_of", lambda path: Disk.SILENT)
    monkeypatch.setattr(watch_module, "POLL_SECONDS", 0.05)
    start()
    followed(docs)
    assert docs.watched == {"docs": "polling"}
    (folder / "new.md").write_text("An otter.\n")
    until(lambda: found(docs, "otter"))


@pytest.mark.parametrize(("mode", "watched"), [("local", {}), ("all", {"docs": "polling"})])
def test_a_disk_of_another_machine_is_followed_only_on_request(
    docs: Index, start: Start, mode: Mode, watched: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Path] = []

    def disk_of(path: Path) -> Disk:
        looked.append(path)
        return Disk.REMOTE

    monkeypatch.setattr(watch_module, "disk_of", disk_of)
    watcher = start(mode)
    until(lambda: looked)
    watcher.stop(60)
    assert docs.watched == watched


def test_a_folder_that_comes_back_is_followed_again(
    docs: Index, folder: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "POLL_SECONDS", 0.05)
    away = folder.parent / "away"
    folder.rename(away)
    start()
    followed(docs)
    assert found(docs, "knead")
    away.rename(folder)
    (folder / "new.md").write_text("An otter.\n")
    until(lambda: found(docs, "otter"))
    assert found(docs, "knead")


def test_a_sync_that_fails_is_tried_again(
    docs: Index, folder: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "RETRY_SECONDS", 0.05)
    failures = [Busy("another one writes", 1.0), Busy("another one writes", 1.0)]

    def sync(name: str) -> SyncReport:
        if failures:
            raise failures.pop()
        return docs.sync(name)

    start(sync=sync)
    followed(docs)
    (folder / "new.md").write_text("An otter.\n")
    until(lambda: found(docs, "otter"))


def test_a_new_instruction_is_no_change_of_files(docs: Index) -> None:
    assert docs.only_files_changed("docs")
    assert not docs.only_files_changed("docs", lambda name: "Represent the note for retrieval: ")


def test_a_file_that_changes_all_the_time_does_not_hold_up_the_others(docs: Index, folder: Path, start: Start) -> None:
    start()
    followed(docs)
    with (folder / "log.txt").open("w") as log:
        other = folder / "new.md"

        def more() -> bool:
            log.write("a line\n")
            log.flush()
            return found(docs, "otter")

        for _ in range(50):
            more()
        other.write_text("An otter.\n")
        until(more)


def test_kinds_of_disks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
        "23 22 0:50 / /mnt/with\\040blank rw - nfs4 server:/ rw\n"
        "24 22 0:51 / /mnt/c rw - 9p drvfs rw\n"
    )
    monkeypatch.setattr(disks, "_MOUNTS", mounts)
    assert disks.disk_of(Path("/mnt/with blank/docs")) is Disk.REMOTE
    assert disks.disk_of(Path("/mnt/c/Users")) is Disk.SILENT
    assert disks.disk_of(Path("/home/me")) is Disk.EVENTS
    monkeypatch.setattr(disks, "_MOUNTS", tmp_path / "nothing")
    assert disks.disk_of(Path("/mnt/c")) is Disk.EVENTS


def test_a_file_that_cannot_be_read_is_not_tried_for_ever(
    docs: Index, folder: Path, start: Start, synced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = outcomes_module.files.read_bytes

    def read_bytes(path: str) -> bytes:
        if path.endswith("closed.md"):
            raise files.Skipped("cannot be read (Permission denied)")
        return real(path)

    monkeypatch.setattr(outcomes_module.files, "read_bytes", read_bytes)
    start()
    followed(docs)
    (folder / "closed.md").write_text("closed\n")
    until(lambda: synced)
    (folder / "new.md").write_text("An otter.\n")
    until(lambda: found(docs, "otter"))
    (folder / "newer.md").write_text("A gnu.\n")
    until(lambda: found(docs, "gnu"))
    # One for each change at most.
    assert len(synced) <= 3


def test_a_folder_made_anew_under_its_old_name_is_followed(docs: Index, folder: Path, start: Start) -> None:
    start()
    followed(docs)
    shutil.rmtree(folder / "guides")
    (folder / "guides").mkdir()
    (folder / "guides" / "new.md").write_text("An otter.\n")
    until(lambda: found(docs, "otter"))
    (folder / "guides" / "new.md").write_text("A gnu.\n")
    until(lambda: found(docs, "gnu"))


def test_a_link_that_leads_elsewhere_is_followed_there(
    index: Index, folder: Path, start: Start, tmp_path: Path
) -> None:
    link = tmp_path / "links" / "current"
    link.parent.mkdir()
    link.symlink_to(folder)
    index.add("docs", [link], instruction=DOCUMENT)
    index.sync("docs")
    start()
    followed(index)
    shutil.copytree(folder, tmp_path / "next")
    (tmp_path / "next" / "new.md").write_text("An otter.\n")
    (link.parent / "fresh").symlink_to(tmp_path / "next")
    (link.parent / "fresh").rename(link)
    until(lambda: found(index, "otter"))
    (tmp_path / "next" / "new.md").write_text("A gnu.\n")
    until(lambda: found(index, "gnu"))


def test_without_watches_left_names_and_times_are_compared(
    docs: Index, folder: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*arguments: object) -> None:
        raise OSError("OS file watch limit reached")

    monkeypatch.setattr("watchfiles._rust_notify.RustNotify", refused)
    monkeypatch.setattr(watch_module, "POLL_SECONDS", 0.05)
    start()
    until(lambda: docs.watched == {"docs": "polling"})
    (folder / "new.md").write_text("An otter.\n")
    until(lambda: found(docs, "otter"))
