"""Collections follow their files, and the model reads no text twice."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor.index import CollectionReport, Index
from openclaw_instructor.index import outcomes as outcomes_module
from openclaw_instructor.index import sync as sync_module
from tests.index.word_engine import DOCUMENT, WordEngine, ask


def resync(index: Index, name: str | None = "docs") -> CollectionReport:
    return index.sync(name).collections[0]


def counted(report: CollectionReport) -> tuple[int, int, int, int]:
    return report.added, report.changed, report.removed, report.unchanged


def test_a_first_sync_indexes_everything(index: Index, folder: Path, engine: WordEngine) -> None:
    index.add("docs", [folder], instruction=DOCUMENT)
    report = resync(index)
    assert counted(report) == (3, 0, 0, 0)
    assert report.chunks == report.embedded == len(engine.texts) == 5
    assert index.status("docs")[0].as_dict() | {"synced_at": None} == {
        "name": "docs",
        "folders": [str(folder.resolve())],
        "documents": 3,
        "chunks": 5,
        "files": 3,
        "skipped": 0,
        "other_types": 0,
        "changed": 0,
        "instruction": DOCUMENT,
        "checkpoint": "words",
        "synced_at": None,
        "stale": False,
        "reason": None,
        "watched": None,
        "store": None,
    }


def test_an_unchanged_folder_is_not_even_read(docs: Index, engine: WordEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.calls.clear()
    monkeypatch.setattr(outcomes_module.files, "read_bytes", None)
    assert counted(resync(docs)) == (0, 0, 0, 3)
    assert not engine.loaded


def test_a_new_time_on_the_same_content_embeds_nothing(docs: Index, folder: Path, engine: WordEngine) -> None:
    engine.calls.clear()
    os.utime(folder / "bread.md", (1_000_000_000, 1_000_000_000))
    assert counted(resync(docs)) == (0, 0, 0, 3)
    assert engine.calls == []
    assert ask(docs, "bread", mode="keyword")["hits"][0]["modified"].startswith("2001-09-09")


def test_a_change_embeds_only_what_is_new_in_it(docs: Index, folder: Path, engine: WordEngine) -> None:
    engine.calls.clear()
    path = folder / "guides" / "install.md"
    path.write_text(path.read_text().replace("Download the installer", "Fetch the wizard"))
    assert counted(resync(docs)) == (0, 1, 0, 2)
    assert [text.split("\n")[0] for text in engine.texts] == ["Installing > Windows"]
    assert ask(docs, "wizard")["hits"][0]["heading"] == "Windows"
    assert not any("Download" in hit["snippet"] for hit in ask(docs, "Download the installer")["hits"])


def test_a_deleted_file_is_forgotten(docs: Index, folder: Path) -> None:
    (folder / "bread.md").unlink()
    report = resync(docs)
    assert counted(report) == (0, 0, 1, 2)
    assert "bread.md" not in str(ask(docs, "knead the dough"))
    assert report.chunks == 4


def test_a_renamed_file_keeps_its_vectors(docs: Index, folder: Path, engine: WordEngine) -> None:
    engine.calls.clear()
    (folder / "guides").rename(folder / "manual")
    (folder / "trip.txt").rename(folder / "journey.txt")
    assert counted(resync(docs)) == (2, 0, 2, 1)
    assert engine.calls == []
    assert ask(docs, "train to Vienna")["hits"][0]["file"] == str(folder / "journey.txt")


def test_the_same_text_in_another_collection_is_not_embedded_again(
    docs: Index, folder: Path, engine: WordEngine
) -> None:
    engine.calls.clear()
    docs.add("copy", [folder], instruction=DOCUMENT)
    assert resync(docs, "copy").embedded == 0
    docs.add("steered", [folder], instruction="Represent the recipe: ")
    assert resync(docs, "steered").embedded == 5


def test_another_instruction_is_embedded_anew_while_the_old_vectors_answer(
    docs: Index, folder: Path, engine: WordEngine
) -> None:
    docs.instruct("docs", "Represent the note for retrieval: ")
    before = ask(docs, "knead the dough", mode="vector")
    assert before["stale"]
    assert "another instruction" in before["notes"][0]
    assert "openclaw-instructor index sync docs" in before["notes"][0]
    assert before["hits"][0]["title"] == "Bread"
    engine.calls.clear()
    assert counted(resync(docs)) == (3, 0, 0, 0)
    assert len(engine.texts) == 5
    assert not ask(docs, "knead the dough")["stale"]
    assert docs.status("docs")[0].documents == 3


def test_another_checkpoint_answers_by_words_until_the_new_vectors_are_complete(
    docs: Index, folder: Path, open_index: Callable[..., Index], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = WordEngine("other words", dimension=32)
    index = open_index(other)
    (folder / "bread.md").unlink()
    (folder / "guides" / "z.md").write_text("# Z\n\nlast\n")
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr(sync_module.embedding, "CHUNKS_PER_CALL", 1)
    other.before_embed = lambda: seen.append(ask(docs, "knead the dough", mode="keyword"))
    assert counted(resync(index)) == (3, 0, 0, 0)
    other.before_embed = lambda: None
    # What the old generation holds is found to the end, also the file that is gone by now.
    assert len(seen) == 5
    assert all(result["hits"][0]["title"] == "Bread" for result in seen)
    after = ask(index, "knead the dough")
    assert not after["stale"]
    assert "bread.md" not in str(after)
    assert index.status("docs")[0].checkpoint == "other words"


def test_by_words_only_is_said_when_the_checkpoint_changed(docs: Index, open_index: Callable[..., Index]) -> None:
    index = open_index(other := WordEngine("other words"))
    result = ask(index, "knead the dough")
    assert result["stale"]
    assert "checkpoint `words` and the current one is `other words`: only words can be compared" in result["notes"][0]
    assert result["hits"][0]["title"] == "Bread"
    assert other.calls == []


def test_an_empty_folder_says_so(index: Index, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    index.add("docs", [tmp_path / "empty"], instruction=DOCUMENT)
    assert resync(index).notes == ["collection `docs` holds no text yet: no readable file was found"]


def test_progress_counts_the_bytes_of_changed_files(index: Index, folder: Path) -> None:
    index.add("docs", [folder], instruction=DOCUMENT)
    seen: list[tuple[int, int, str]] = []
    index.sync("docs", on_progress=lambda done, total, message: seen.append((done, total, message)))
    total = sum(path.stat().st_size for path in folder.rglob("*.*"))
    assert {of for _, of, _ in seen} == {total}
    assert [done for done, _, _ in seen] == [0] * 4 + [total]
    assert seen[0][2] == "0 of 3 files, 0 passages; reading notes/bread.md"
    assert seen[3][2] == "0 of 3 files, 0 passages; embedding notes/bread.md and 2 more"
    assert re.fullmatch(r"3 of 3 files, 5 passages, [\d,]+ tokens/s; docs is done", seen[-1][2])


def test_large_documents_are_embedded_in_several_calls(index: Index, tmp_path: Path, engine: WordEngine) -> None:
    (tmp_path / "large").mkdir()
    (tmp_path / "large" / "a.md").write_text("".join(f"# H{i}\n\nunique{i}\n\n" for i in range(300)))
    index.add("docs", [tmp_path / "large"], instruction=DOCUMENT)
    seen: list[float] = []
    index.sync("docs", on_progress=lambda done, total, message: seen.append(round(done / total, 2)))
    assert [len(call.texts) for call in engine.calls] == [256, 44]
    assert seen == [0, 0, round(256 / 300, 2), 1]


def test_two_roots_and_their_patterns(index: Index, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("def knead(): pass")
    index.add("docs", [folder], exclude=["guides/"], instruction=DOCUMENT)
    index.add("docs", [tmp_path / "src"], include=["*.py"], instruction=DOCUMENT)
    assert resync(index).added == 3
    assert len(index.status("docs")[0].folders) == 2


def test_syncing_nothing_says_how_to_begin(index: Index) -> None:
    assert index.sync().notes == ["nothing is indexed yet; run `openclaw-instructor index add docs FOLDER`"]


def test_a_sync_of_some_files_does_for_them_what_one_of_all_does(docs: Index, folder: Path, engine: WordEngine) -> None:
    (folder / ".gitignore").write_text("*.log.md\n/guides/old*\n")
    resync(docs)
    engine.calls.clear()
    names = ("bread.md", "new.md", "x.log.md", "guides/old.md", "guides/new.md", ".env", ".hidden.md", "gone.md")
    (folder / "bread.md").unlink()
    for name in names[1:-1]:
        (folder / name).write_text(f"An otter named {name}.\n")
    report = docs.sync("docs", only=[str(folder / name) for name in names]).collections[0]
    assert counted(report) == (2, 0, 1, 0)
    assert [Path(path).name for path, _ in report.skipped] == [".env"]
    assert docs.status("docs")[0].changed == 0
    assert docs.status("docs")[0].files == 3
    assert report.embedded == 2


@pytest.mark.parametrize(("one", "other"), [("trip.txt", "guides/install.md"), ("guides/install.md", "trip.txt")])
def test_a_sync_of_some_files_looks_at_nothing_else(docs: Index, folder: Path, one: str, other: str) -> None:
    (folder / one).write_text("An otter.\n")
    (folder / other).write_text("A gnu.\n")
    report = docs.sync("docs", only=[str(folder / one)]).collections[0]
    assert counted(report) == (0, 1, 0, 0)
    assert docs.status("docs")[0].changed == 1
    assert ask(docs, "otter", mode="vector")["hits"][0]["snippet"] == "An otter."


@pytest.mark.parametrize("change", ["a browser's profile", "another folder", "unfinished"])
def test_a_sync_of_some_files_looks_at_all_where_more_may_have_changed(
    docs: Index, folder: Path, change: str, engine: WordEngine
) -> None:
    (folder / "trip.txt").write_text("An otter.\n")
    if change == "a browser's profile":
        (folder / "guides" / "key4.db").touch()
        only, removed = folder / "guides" / "key4.db", 1
    elif change == "another folder":
        shutil.copytree(folder, folder.parent / "copy")
        shutil.rmtree(folder)
        (folder.parent / "copy").rename(folder)
        only, removed = folder / "bread.md", 0
    else:
        docs.add("docs", [folder], instruction=DOCUMENT)
        only, removed = folder / "bread.md", 0
    report = docs.sync("docs", only=[str(only)]).collections[0]
    assert (report.changed, report.removed) == (1, removed)
