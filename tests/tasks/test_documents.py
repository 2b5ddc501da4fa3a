"""Reading, listing and adding documents as an agent does."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openpyxl
import pytest

from openclaw_instructor.errors import Forbidden, InvalidArguments, UnknownCollection, UnreadableSource
from openclaw_instructor.index import Index
from openclaw_instructor.registry import Registry
from openclaw_instructor.registry.arguments import validate
from openclaw_instructor.settings import Settings
from openclaw_instructor.tasks import runners
from tests.index.word_engine import DOCUMENT, WordEngine

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def index(request: pytest.FixtureRequest, home: Path) -> Iterator[Index]:
    if "may_index" in request.fixturenames:
        request.getfixturevalue("may_index")
    opened = Index(Settings.load(home), WordEngine())  # type: ignore[arg-type]
    yield opened
    opened.close()


@pytest.fixture
def run(index: Index, home: Path) -> Run:
    """Runs a task as every surface does, on checked arguments."""

    def run(name: str, **arguments: Any) -> dict[str, Any]:
        task = Registry.load(Settings(home=home)).get(name)
        resources = SimpleNamespace(index=index, document_instruction=lambda collection: DOCUMENT)
        result = runners.run(task, validate(task, arguments), resources)  # type: ignore[arg-type]
        return dict(json.loads(json.dumps(result)))

    return run


@pytest.fixture
def folder(index: Index, tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    (folder / "code").mkdir(parents=True)
    lines = [f"Sentence {number} of the manual." if number % 7 else "" for number in range(1, 401)]
    (folder / "manual.txt").write_text("\n".join(lines) + "\n")
    (folder / "code" / "long.txt").write_text("word " * 4_000 + "end\n")
    book = openpyxl.Workbook()
    book.active.title = "Budget"  # type: ignore[union-attr]
    for row in [["Item", "Price"], *([f"thing {number}", number] for number in range(2, 40))]:
        book.active.append(row)  # type: ignore[union-attr]
    book.create_sheet("Notes").append(["only a remark"])
    book.save(folder / "budget.xlsx")
    index.add("docs", [folder], instruction=DOCUMENT)
    index.sync("docs")
    return folder


def test_lines_around_a_hit_stand_as_in_the_file(run: Run, folder: Path) -> None:
    result = run("read_document", file=str(folder / "manual.txt"), location="lines 100-102", around=3)
    assert result["location"] == "lines 97-105"
    written = (folder / "manual.txt").read_text().split("\n")
    assert result["text"] == "\n".join(written[96:105])
    assert (result["of"], result["collection"], result["notes"]) == ("lines 1-400", "docs", [])


@pytest.mark.parametrize("file", ["manual.txt", "docs/manual.txt", "./manual.txt", "docs/manual.txt:100-102"])
def test_a_file_is_named_as_results_and_people_name_it(run: Run, folder: Path, file: str) -> None:
    location = {} if ":" in file else {"location": "100-102"}
    assert run("read_document", file=file, **location)["text"].startswith("Sentence 100")


def test_a_name_may_end_like_a_citation(run: Run, index: Index, folder: Path) -> None:
    (folder / "log.txt:12").write_text("a\nb\n")
    index.add("docs", [folder], include=["*:12"], instruction=DOCUMENT)
    index.sync("docs")
    assert run("read_document", file=str(folder / "log.txt:12"))["location"] == "lines 1-2"


def test_a_long_document_comes_in_parts_that_lose_nothing(run: Run, folder: Path) -> None:
    for name in ("manual.txt", "long.txt"):
        result = run("read_document", file=name)
        texts = [result["text"]]
        while "next" in result:
            assert len(result["text"]) <= 8_000
            result = run("read_document", file=name, location=result["next"])
            texts.append(result["text"])
        joined = ("\n" if name == "manual.txt" else "").join(texts)
        assert joined.split() == next(folder.rglob(name)).read_text().split()
        assert result["part"] == f"{len(texts)} of {len(texts)}"


def test_rows_of_a_sheet_say_their_columns(run: Run, folder: Path) -> None:
    result = run("read_document", file="budget.xlsx", location="Budget, row 9", around=1)
    assert (result["location"], result["of"]) == ("Budget, rows 8-10", "Budget, rows 1-39")
    assert "thing 9" in result["text"]
    assert "thing 11" not in result["text"]
    assert "Price" in result["context"] + result["text"]
    assert run("read_document", file="budget.xlsx", location="notes")["text"].strip().endswith("only a remark")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"file": "nothing.txt"}, "is not indexed; name a file as a search or a list printed it"),
        ({"file": "*.*"}, "may be 3 files"),
        ({"file": "budget.xlsx", "location": "page 3"}, "the document has Budget, rows 1-39; Notes, row 1"),
        ({"file": "manual.txt", "location": "lines 900"}, "holds no text; the document has lines 1-400"),
        ({"file": "manual.txt", "location": "lines 1-9, part 2"}, "has 1 parts"),
        ({"file": "manual.txt", "location": "the end"}, "is no place; the document has lines 1-400"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(run: Run, folder: Path, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidArguments) as refused:
        run("read_document", **arguments)
    assert said in str(refused.value)


def test_a_file_that_changed_is_said_and_read_as_it_was(run: Run, folder: Path) -> None:
    (folder / "manual.txt").write_text("all new\n")
    result = run("read_document", file="manual.txt", location="1")
    assert result["text"] == "Sentence 1 of the manual."
    assert "has changed since it was indexed" in result["notes"][0]
    (folder / "manual.txt").unlink()
    assert "is gone" in run("read_document", file="manual.txt", location="1")["notes"][0]


def test_a_list_tells_collections_folders_and_documents(run: Run, folder: Path, index: Index, tmp_path: Path) -> None:
    os.utime(folder / "manual.txt", (2e9, 2e9))
    index.sync("docs")
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "a.md").write_text("hello\n")
    index.add("mail", [tmp_path / "mail"], instruction=DOCUMENT)
    index.sync("mail")
    result = run("list_documents", limit=1)
    assert [(known["name"], known["documents"], known["stale"]) for known in result["collections"]] == [
        ("docs", 3, False),
        ("mail", 1, False),
    ]
    assert result["count"] == 4
    assert [Path(known["file"]).name for known in result["documents"]] == ["manual.txt"]
    assert {"folder": str(folder / "code"), "documents": 1} in result["folders"]
    assert result["notes"] == ["3 more; narrow with `path`, or raise `limit`"]
    found = run("list_documents", path="*.xlsx")["documents"]
    assert [Path(known["file"]).name for known in found] == ["budget.xlsx"]
    assert run("list_documents", collection="mail", type="md")["count"] == 1
    with pytest.raises(UnknownCollection):
        run("list_documents", collection="nope")


def test_a_list_of_nothing_says_how_to_begin(run: Run) -> None:
    result = run("list_documents")
    assert (result["count"], result["collections"]) == (0, [])
    assert "index add docs FOLDER" in result["notes"][0]


@pytest.fixture
def may_index(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder below which agents may index."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "instructions.yaml").write_text("tasks: {index_folder: {enabled: true}}\n")
    allowed = tmp_path / "work"
    (allowed / "notes").mkdir(parents=True)
    (allowed / "notes" / "a.md").write_text("the mango\n")
    monkeypatch.setenv("OPENCLAW_INSTRUCTOR_AGENTS_MAY_INDEX", f"/nowhere:{allowed}")
    return allowed


def test_an_agent_may_index_below_an_allowed_folder(may_index: Path, run: Run, index: Index) -> None:
    (may_index / "notes" / "broken.pdf").write_bytes(b"%PDF-1.4 broken")
    first = run("index_folder", folder=str(may_index / "notes"), collection="work")
    assert [first[key] for key in ("registered", "added", "passages", "finished")] == [True, 1, 1, True]
    assert [Path(file["file"]).name for file in first["skipped"]] == ["broken.pdf"]
    again = run("index_folder", folder=str(may_index / "notes"), collection="work")
    assert [again[key] for key in ("registered", "added", "unchanged")] == [False, 0, 1]
    assert [state.folders for state in index.status()] == [[str(may_index / "notes")]]


@pytest.mark.parametrize("folder", ["..", "../home", "notes/../..", ".ssh", ".config/app", "link"])
def test_nothing_else_may_be_indexed(may_index: Path, run: Run, index: Index, folder: str, tmp_path: Path) -> None:
    for name in (".ssh", ".config/app"):
        (may_index / name).mkdir(parents=True)
    (may_index / "link").symlink_to(tmp_path)
    with pytest.raises(Forbidden, match=r"may not be indexed by agents|may hold secrets"):
        run("index_folder", folder=str(may_index / folder))
    assert index.names() == []


def test_nothing_may_be_indexed_unless_the_owner_says_so(
    may_index: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnreadableSource, match="is no folder"):
        run("index_folder", folder=str(may_index / "none"))
    with pytest.raises(UnreadableSource, match="is no absolute path"):
        run("index_folder", folder="work/notes")
    monkeypatch.setattr("openclaw_instructor.tasks.index.PATIENCE_SECONDS", -1.0)
    unfinished = run("index_folder", folder=str(may_index / "notes"))
    assert (unfinished["finished"], "call again" in unfinished["notes"][0]) == (False, True)


def test_without_the_setting_no_folder_is_allowed(home: Path, tmp_path: Path, run: Run) -> None:
    home.mkdir(parents=True, exist_ok=True)
    (home / "instructions.yaml").write_text("tasks: {index_folder: {enabled: true}}\n")
    with pytest.raises(Forbidden, match="the owner has allowed none"):
        run("index_folder", folder=str(tmp_path))


def test_each_message_of_a_mailbox_in_one_file_says_its_own_people_and_subject(
    run: Run, index: Index, tmp_path: Path
) -> None:
    (tmp_path / "mail").mkdir()
    message = "From {0}@a.example Tue May  5 10:00:00 2020\nFrom: {0}@a.example\nSubject: {0}\n\nthe mango of {0}\n\n"
    (tmp_path / "mail" / "in.mbox").write_text("".join(map(message.format, ("ann", "bo"))))
    index.add("mail", [tmp_path / "mail"], instruction=DOCUMENT)
    index.sync("mail")
    hits = run("search_docs", query="mango", collection="mail", mode="keyword")["hits"]
    assert {hit["message"]: hit.get("metadata", {}).get("from") for hit in hits} == {
        "1": "ann@a.example",
        "2": "bo@a.example",
    }
    second = run("read_document", file="in.mbox", location="message 2")["metadata"]
    assert (second["from"], second["subject"]) == ("bo@a.example", "bo")
    assert "metadata" not in run("read_document", file="in.mbox", location="messages 1-2")
    assert run("read_document", file="in.mbox", location="message 1")["metadata"]["from"] == "ann@a.example"
