"""A folder that is gone, empty or another one loses nothing, and the sync says so."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from openclaw_instructor.errors import InvalidArguments, UnreadableSource
from openclaw_instructor.index import CollectionReport, Index
from openclaw_instructor.index import sync as sync_module
from openclaw_instructor.index.listing import Listing
from tests.index.word_engine import DOCUMENT, WordEngine, ask


@pytest.fixture
def more(tmp_path: Path) -> Path:
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "zebra.md").write_text("A zebra.\n")
    return folder


@pytest.fixture
def both(docs: Index, more: Path) -> Index:
    """The index whose collection docs has two folders, `notes` and `more`."""
    docs.add("docs", [more], instruction=DOCUMENT)
    docs.sync("docs")
    return docs


def resync(index: Index) -> CollectionReport:
    return index.sync("docs").collections[0]


def found(index: Index, query: str) -> bool:
    return bool(ask(index, query, mode="keyword")["hits"])


def test_a_folder_that_is_gone_does_not_keep_the_others_from_being_synced(
    both: Index, folder: Path, more: Path
) -> None:
    folder.rename(folder.parent / "away")
    (more / "gnu.md").write_text("A gnu.\n")
    report = resync(both)
    assert (report.added, report.removed) == (1, 0)
    assert f"{folder} cannot be read" in str(report.error)
    assert f"is it mounted? What was indexed of it stays, `openclaw-instructor index remove docs {folder}`" in str(
        report.error
    )
    assert found(both, "gnu")
    assert found(both, "knead")
    status = both.status("docs")[0]
    assert status.stale
    assert "is it mounted?" in str(status.reason)
    result = ask(both, "knead the dough")
    assert result["stale"]
    assert "is it mounted?" in result["notes"][0]


def test_a_folder_can_be_dropped_with_its_documents(both: Index, folder: Path, more: Path) -> None:
    folder.rename(folder.parent / "away")
    resync(both)
    both.remove("docs", folder)
    assert not found(both, "knead")
    assert found(both, "zebra")
    assert resync(both).error is None
    assert not both.status("docs")[0].stale
    assert ask(both, "zebra", mode="vector")["hits"][0]["snippet"] == "A zebra."


def test_dropping_a_folder_names_the_mistake(both: Index, folder: Path, more: Path) -> None:
    with pytest.raises(InvalidArguments, match=r"`docs` has no folder /nowhere; it has .*more, .*notes"):
        both.remove("docs", Path("/nowhere"))
    both.remove("docs", folder)
    with pytest.raises(InvalidArguments, match=r"is the only folder .*`openclaw-instructor index remove docs` forgets"):
        both.remove("docs", more)


def test_a_document_that_another_folder_holds_too_stays(docs: Index, folder: Path) -> None:
    docs.add("docs", [folder / "guides"], instruction=DOCUMENT)
    resync(docs)
    docs.remove("docs", folder)
    assert found(docs, "installer")
    assert not found(docs, "knead")
    assert docs.status("docs")[0].stale
    resync(docs)
    assert found(docs, "installer")
    assert not docs.status("docs")[0].stale


def test_an_empty_folder_that_held_documents_is_taken_for_unmounted(docs: Index, folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / ".hidden").touch()
    (folder / "lost+found").mkdir()
    report = resync(docs)
    assert (report.removed, report.chunks) == (0, 5)
    assert f"{folder} is empty now; is it mounted? The 3 documents that were indexed of it stay" in str(report.error)
    assert found(docs, "knead")
    assert docs.status("docs")[0].stale


def test_another_folder_in_its_place_stops_the_sync_of_it(docs: Index, folder: Path) -> None:
    for _ in range(2):
        shutil.move(folder, folder.parent / "away") if not (folder.parent / "away").exists() else None
        folder.mkdir(exist_ok=True)
        (folder / "other.md").write_text("An otter.\n")
        report = resync(docs)
        assert (report.added, report.removed) == (0, 0)
        assert "is another folder than before, and 3 of its 3 documents are not in it" in str(report.error)
    assert found(docs, "knead")
    assert not found(docs, "otter")
    # The owner says that it is right so.
    docs.add("docs", [folder], instruction=DOCUMENT)
    report = resync(docs)
    assert (report.added, report.removed) == (1, 3)
    assert not found(docs, "knead")


def test_a_folder_that_was_copied_back_is_the_same(docs: Index, folder: Path, engine: WordEngine) -> None:
    engine.calls.clear()
    shutil.copytree(folder, folder.parent / "copy")
    shutil.rmtree(folder)
    (folder.parent / "copy").rename(folder)
    (folder / "bread.md").unlink()
    report = resync(docs)
    assert (report.error, report.removed, report.unchanged) == (None, 1, 2)
    assert engine.calls == []


def test_a_mount_point_below_a_folder_that_is_gone_loses_nothing(
    docs: Index, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk mounted at `guides`, as a walk sees it: this test may not mount one."""
    real = sync_module.walk.walk
    mounts: tuple[str, ...] = (str(folder / "guides"),)

    def walk(*arguments: object, **options: object) -> Listing:
        listing: Listing = real(*arguments, **options)  # type: ignore[arg-type]
        listing.roots = {path: replace(state, mounts=mounts) for path, state in listing.roots.items()}
        return listing

    monkeypatch.setattr(sync_module.walk, "walk", walk)
    resync(docs)
    mounts = ()
    (folder / "guides" / "install.md").unlink()
    (folder / "bread.md").unlink()
    report = resync(docs)
    assert report.removed == 1
    assert "guides was a mount point and is none now; is it mounted?" in str(report.error)
    assert found(docs, "installer")
    assert found(docs, "installer")


def test_a_link_as_folder_is_followed_to_its_new_target(
    index: Index, folder: Path, tmp_path: Path, engine: WordEngine
) -> None:
    link = tmp_path / "current"
    link.symlink_to(folder)
    index.add("docs", [link], instruction=DOCUMENT)
    resync(index)
    assert ask(index, "knead the dough")["hits"][0]["file"] == str(link / "bread.md")
    shutil.copytree(folder, tmp_path / "next")
    (tmp_path / "next" / "bread.md").write_text("# Bread\n\nAn otter.\n")
    link.unlink()
    link.symlink_to(tmp_path / "next")
    engine.calls.clear()
    report = resync(index)
    assert (report.changed, report.unchanged, report.error) == (1, 2, None)
    assert found(index, "otter")
    assert not found(index, "knead")


def test_two_names_of_one_folder_give_each_file_once(docs: Index, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    docs.add("docs", [tmp_path / "link"], instruction=DOCUMENT)
    assert docs.status("docs")[0].folders == [str(tmp_path / "link")]
    report = resync(docs)
    assert (report.added, report.removed, report.embedded) == (3, 3, 0)


def test_what_is_absent_is_not_lost_to_a_new_instruction(both: Index, folder: Path) -> None:
    folder.rename(folder.parent / "away")
    both.instruct("docs", "Represent the note for retrieval: ")
    resync(both)
    assert found(both, "knead")
    (folder.parent / "away").rename(folder)
    assert resync(both).error is None
    assert found(both, "knead")
    assert not both.status("docs")[0].stale


def test_a_failed_sync_is_said(docs: Index, folder: Path, engine: WordEngine) -> None:
    (folder / "new.md").write_text("An otter.\n")
    engine.failure = InvalidArguments("the model is out of order")
    with pytest.raises(InvalidArguments):
        docs.sync("docs")
    assert "out of order" in str(docs.status("docs")[0].reason)
    engine.failure = None
    assert "out of order" in str(ask(docs, "knead")["notes"])
    resync(docs)
    assert not docs.status("docs")[0].stale


def test_when_no_folder_can_be_read_the_sync_fails(docs: Index, folder: Path) -> None:
    folder.rename(folder.parent / "away")
    with pytest.raises(UnreadableSource, match=r"is it mounted\?"):
        docs.sync("docs")
    assert "is it mounted?" in str(docs.status("docs", check=False)[0].reason)


def test_what_changed_on_disk_is_counted_without_a_sync(docs: Index, folder: Path, engine: WordEngine) -> None:
    assert (docs.status("docs")[0].changed, docs.status("docs")[0].stale) == (0, False)
    (folder / "bread.md").unlink()
    (folder / "new.md").write_text("An otter.\n")
    (folder / "trip.txt").write_text("Changed.")
    engine.calls.clear()
    status = docs.status("docs")[0]
    assert (status.changed, status.stale) == (3, True)
    assert "3 files have changed since the last sync (new.md, trip.txt, bread.md)" in str(status.reason)
    assert engine.calls == []
    assert docs.status("docs", check=False)[0].changed is None


def test_coverage_is_counted(index: Index, folder: Path) -> None:
    (folder / "code.dat").write_text("print()")
    (folder / "binary.txt").write_bytes(b"\0\1\2")
    index.add("docs", [folder], instruction=DOCUMENT)
    resync(index)
    status = index.status("docs")[0]
    assert (status.documents, status.files, status.skipped, status.other_types) == (3, 4, 1, 1)


def test_everything_is_read_when_asked_to(docs: Index, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that keeps no time of change: the content differs, size and times do not."""
    real = sync_module.walk.walk
    before = real(docs._collections()[0].roots).files
    path = folder / "trip.txt"
    old = path.stat()
    path.write_text(path.read_text().replace("Vienna", "Zagreb"))
    os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))

    def walk(*arguments: object, **options: object) -> Listing:
        listing: Listing = real(*arguments, **options)  # type: ignore[arg-type]
        listing.files = dict(before)
        return listing

    monkeypatch.setattr(sync_module.walk, "walk", walk)
    assert resync(docs).unchanged == 3
    report = docs.sync("docs", full=True).collections[0]
    assert (report.changed, report.unchanged) == (1, 2)
    assert found(docs, "Zagreb")


def test_a_file_restored_with_its_old_size_and_time_is_noticed(docs: Index, folder: Path) -> None:
    path = folder / "trip.txt"
    old = path.stat()
    path.write_text(path.read_text().replace("Vienna", "Zagreb"))
    os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))
    assert resync(docs).changed == 1
