"""What a sync does when files, folders, the model or another process get in its way."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from openclaw_instructor import lock
from openclaw_instructor.documents import Document, reading
from openclaw_instructor.errors import (
    Busy,
    CheckpointUnavailable,
    InvalidArguments,
    StoreError,
    UnknownCollection,
    UnreadableSource,
)
from openclaw_instructor.index import CollectionReport, Index
from openclaw_instructor.index import sync as sync_module
from tests.index.word_engine import DOCUMENT, WordEngine, ask


def resync(index: Index, name: str | None = "docs") -> CollectionReport:
    return index.sync(name).collections[0]


def counted(report: CollectionReport) -> tuple[int, int, int, int]:
    return report.added, report.changed, report.removed, report.unchanged


def test_an_interrupted_sync_keeps_what_it_published_and_the_next_completes_it(
    index: Index, folder: Path, engine: WordEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_module.embedding, "CHUNKS_PER_CALL", 1)
    index.add("docs", [folder], instruction=DOCUMENT)

    def stop_at_the_last() -> None:
        if len(engine.calls) == 4:
            raise KeyboardInterrupt

    engine.before_embed = stop_at_the_last
    with pytest.raises(KeyboardInterrupt):
        index.sync("docs")
    engine.before_embed = lambda: None
    result = ask(index, "knead the dough")
    assert [hit["title"] for hit in result["hits"]] == ["Bread"]
    assert result["stale"]
    assert "changes that no sync has finished yet; run `openclaw-instructor index sync docs`" in result["notes"][0]
    engine.calls.clear()
    assert counted(resync(index)) == (2, 0, 0, 1)
    assert not any("Knead" in text for text in engine.texts)
    assert not ask(index, "knead the dough")["stale"]


def test_a_folder_that_cannot_be_read_loses_nothing(docs: Index, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def scandir(path: Path) -> object:
        if Path(path).name == "guides":
            raise OSError(5, "Input/output error")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    report = resync(docs)
    assert report.removed == 0
    assert report.skipped == [(str(folder / "guides"), "cannot be read (Input/output error)")]
    assert ask(docs, "installer")["hits"][0]["title"] == "Installing"


def test_a_root_that_is_gone_is_an_error_and_loses_nothing(docs: Index, folder: Path, tmp_path: Path) -> None:
    shutil.move(folder, tmp_path / "elsewhere")
    with pytest.raises(UnreadableSource, match=r"notes cannot be read .*check the path"):
        docs.sync("docs")
    assert ask(docs, "knead the dough")["hits"][0]["title"] == "Bread"


def test_over_all_collections_one_failure_does_not_stop_the_others(docs: Index, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "x.txt").write_text("words")
    docs.add("zz", [tmp_path / "more"], instruction=DOCUMENT)
    shutil.rmtree(folder)
    failed, fine = docs.sync().collections
    assert "cannot be read" in str(failed.error)
    assert (fine.error, fine.added) == (None, 1)


def test_what_is_left_out_is_reported_with_its_reason(index: Index, folder: Path) -> None:
    (folder / "binary.txt").write_bytes(b"\0\1\2")
    (folder / "latin.txt").write_bytes("Straße nach Süden".encode("cp1252"))
    (folder / "code.dat").write_text("print()")
    (folder / "empty.md").write_text("")
    index.add("docs", [folder], instruction=DOCUMENT)
    report = resync(index)
    assert report.skipped == [(str(folder / "binary.txt"), "a binary file")]
    assert report.notes == [
        f"{folder / 'latin.txt'}: not UTF-8: read as Windows-1252",
        "1 files of other types were left out (.dat); name them with --include to index them as text",
    ]
    assert ask(index, "Straße", mode="keyword")["hits"][0]["snippet"] == "Straße nach Süden"
    assert report.as_dict()["skipped"] == [{"file": str(folder / "binary.txt"), "reason": "a binary file"}]


def test_a_file_that_turns_binary_is_forgotten(docs: Index, folder: Path) -> None:
    (folder / "trip.txt").write_bytes(b"\0" * 10)
    assert counted(resync(docs)) == (0, 0, 1, 2)
    assert ask(docs, "train Vienna", mode="keyword")["count"] == 0


def test_a_file_that_vanishes_between_walk_and_read_is_no_failure(
    docs: Index, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "trip.txt").write_text("Changed.")
    real = sync_module.walk.walk

    def walk(*arguments: object, **options: object) -> object:
        listing = real(*arguments, **options)
        (folder / "trip.txt").unlink()
        return listing

    monkeypatch.setattr(sync_module.walk, "walk", walk)
    report = resync(docs)
    assert report.skipped == [(str(folder / "trip.txt"), "vanished while it was being indexed")]
    assert report.removed == 1


def test_many_files_of_doubtful_encoding_are_counted(index: Index, tmp_path: Path) -> None:
    (tmp_path / "latin").mkdir()
    for number in range(25):
        (tmp_path / "latin" / f"{number}.txt").write_bytes(b"Stra\xdfe")
    index.add("docs", [tmp_path / "latin"], instruction=DOCUMENT)
    notes = resync(index).notes
    assert (len(notes), notes[-1]) == (21, "5 more files have such notes")


def test_a_busy_model_is_waited_for(
    index: Index, folder: Path, engine: WordEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        engine.failure = None

    monkeypatch.setattr(sync_module.embedding.time, "sleep", sleep)
    engine.failure = Busy("the queue is full", 2.5)
    index.add("docs", [folder], instruction=DOCUMENT)
    assert resync(index).added == 3
    assert slept == [2.5]


def test_a_model_that_cannot_load_fails_the_sync_with_its_own_words(
    index: Index, folder: Path, engine: WordEngine
) -> None:
    engine.failure = CheckpointUnavailable("no such checkpoint; pull it")
    index.add("docs", [folder], instruction=DOCUMENT)
    with pytest.raises(CheckpointUnavailable, match="pull it"):
        index.sync("docs")


def test_a_collection_removed_during_its_sync_says_so(
    index: Index, folder: Path, engine: WordEngine, open_index: Callable[..., Index]
) -> None:
    index.add("docs", [folder], instruction=DOCUMENT)
    other = open_index()
    engine.before_embed = lambda: other.remove("docs")
    with pytest.raises(StoreError, match="was removed while it was being synced"):
        index.sync("docs")
    assert index.status() == []


def test_a_collection_removed_before_its_sync_looks_at_files_says_so_too(
    index: Index, folder: Path, open_index: Callable[..., Index], monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add("docs", [folder], instruction=DOCUMENT)
    other = open_index()
    real = os.scandir

    def scan(path: str) -> object:
        if other.names():
            other.remove("docs")
        return real(path)

    monkeypatch.setattr(os, "scandir", scan)
    with pytest.raises(StoreError, match="was removed while it was being synced"):
        index.sync("docs")


def test_adding_names_the_mistake(index: Index, folder: Path) -> None:
    with pytest.raises(InvalidArguments, match=r"collection name 'a/b'"):
        index.add("a/b", [folder], instruction=DOCUMENT)
    with pytest.raises(InvalidArguments, match="name at least one folder"):
        index.add("docs", [], instruction=DOCUMENT)
    with pytest.raises(InvalidArguments, match="exclude: "):
        index.add("docs", [folder], exclude=["!"], instruction=DOCUMENT)
    with pytest.raises(UnreadableSource, match="nowhere cannot be read"):
        index.add("docs", [folder / "nowhere"], instruction=DOCUMENT)
    assert index.status() == []


def test_an_unknown_collection_is_named_with_the_nearest(docs: Index) -> None:
    for call in (docs.sync, docs.status, docs.remove):
        with pytest.raises(UnknownCollection, match="there is no collection `dosc`; did you mean `docs`"):
            call("dosc")
    with pytest.raises(UnknownCollection, match=r"there are: docs; or create it: `openclaw-instructor index add mail"):
        docs.sync("mail")


def test_a_sync_waits_for_another_and_gives_up_in_the_end(
    docs: Index, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openclaw_instructor.index.index._LOCK_PATIENCE_SECONDS", 0.1)
    said: list[str] = []
    with lock.exclusive(home / "sync.lock", 0, "testing"):
        assert lock.held(home / "sync.lock")
        with pytest.raises(Busy, match="another process is syncing"):
            docs.sync("docs", on_progress=lambda done, total, message: said.append(message))
    assert said == ["waiting for another process that is syncing"]
    assert not lock.held(home / "sync.lock")


@pytest.mark.parametrize(
    "front_matter",
    [
        'title: "Launch \\ud83d\\ude80"',
        "draft: !!bool maybe",
        "title: " + "[" * 3_000 + "]" * 3_000,
        "a: &a [x, x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a]\ntitle: [*b, *b, *b, *b, *b, *b]",
    ],
    ids=["half an emoji", "a bool that is none", "deeply nested", "aliases"],
)
def test_odd_front_matter_stops_nothing(index: Index, folder: Path, front_matter: str) -> None:
    (folder / "a.md").write_text(f"---\n{front_matter}\n---\n\nA giraffe.\n")
    index.add("docs", [folder], instruction=DOCUMENT)
    report = resync(index)
    assert (report.added, report.skipped) == (4, [])
    hit = ask(index, "giraffe")["hits"][0]
    assert len(hit["title"]) < 20


def test_one_file_that_cannot_be_cut_does_not_stop_the_others(
    docs: Index, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(data: bytes, path: Path) -> Document:
        if path.name == "bread.md":
            raise ZeroDivisionError
        return real(data, path)

    real = reading.read
    monkeypatch.setattr(reading, "read", read)
    (folder / "bread.md").write_text("other bread\n")
    (folder / "cake.md").write_text("a cake of giraffes\n")
    (folder / "trip.txt").unlink()
    report = resync(docs)
    assert counted(report) == (1, 0, 1, 1)
    reason = "reading it ended in an unexpected ZeroDivisionError; leave it out with --exclude"
    assert report.skipped == [(str(folder / "bread.md"), reason)]


def test_a_file_from_the_far_future_is_indexed(index: Index, folder: Path) -> None:
    os.utime(folder / "bread.md", (2**33 + 2**31, 2**33 + 2**31))
    index.add("docs", [folder], instruction=DOCUMENT)
    assert resync(index).added == 3
    assert resync(index).unchanged == 3


def test_a_folder_whose_name_is_not_utf_8_is_refused(index: Index, tmp_path: Path) -> None:
    odd = Path(os.fsdecode(bytes(tmp_path / "caf") + b"\xe9"))
    odd.mkdir()
    with pytest.raises(UnreadableSource, match="its name is not valid UTF-8"):
        index.add("docs", [odd], instruction=DOCUMENT)


def test_over_all_collections_nothing_unforeseen_stops_the_others(
    docs: Index, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "more").mkdir()
    docs.add("aaa", [tmp_path / "more"], instruction=DOCUMENT)
    real = sync_module.Sync._count

    def count(run: sync_module.Sync, *arguments: object) -> object:
        if run.collection.name == "aaa":
            raise ZeroDivisionError
        return real(run, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(sync_module.Sync, "_count", count)
    first, second = docs.sync().collections
    assert first.error == "an unexpected ZeroDivisionError; run `openclaw-instructor index sync aaa` to see more"
    assert (second.collection, second.unchanged, second.error) == ("docs", 3, None)
    with pytest.raises(ZeroDivisionError):
        docs.sync("aaa")


def test_a_folder_added_during_a_sync_is_still_to_be_read(
    index: Index, folder: Path, engine: WordEngine, tmp_path: Path
) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "zebra.md").write_text("A zebra.\n")
    index.add("docs", [folder], instruction=DOCUMENT)
    engine.before_embed = lambda: index.add("docs", [tmp_path / "more"], instruction=DOCUMENT)
    resync(index)
    engine.before_embed = lambda: None
    assert index.status("docs")[0].stale
    assert resync(index).added == 1
    assert not index.status("docs")[0].stale
