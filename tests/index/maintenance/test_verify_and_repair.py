"""Each disagreement between the parts of an index is found, mended, and gone afterwards; nothing intact is lost."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from openclaw_instructor.index import Index, checksums, fulltext
from openclaw_instructor.index.maintenance.operations import Maintenance
from openclaw_instructor.index.store import Store
from tests.index.word_engine import WordEngine, ask

QUESTIONS = {"knead the dough": "Bread", "installer and click": "Installing", "night train": "trip.txt"}


def answers(index: Index) -> dict[str, list[tuple[str, str]]]:
    """What is found for a few questions, by words and by meaning."""
    return {
        f"{question} {mode}": [(hit["title"], hit["snippet"]) for hit in ask(index, question, mode=mode)["hits"]]
        for question in QUESTIONS
        for mode in ("keyword", "vector")
    }


def run(home: Path, *statements: str) -> None:
    """Change tables behind the index's back."""
    connection = sqlite3.connect(home / "index.db", isolation_level=None)
    fulltext.register(connection)
    checksums.register(connection)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def with_random_file(home: Path) -> None:
    """Fill a vector file with something else."""
    (file,) = (home / "vectors").iterdir()
    file.write_bytes(b"\xa5" * 4_000)


def with_other_vectors(home: Path) -> None:
    """Make the vectors of the index others than those of the vector file, as if the file were of a past state."""
    zeros = "zeroblob(length(vector))"
    run(home, f"UPDATE vectors SET vector = {zeros}, checksum = row_checksum(chunk_id, {zeros})")


DAMAGES: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "text": (
        lambda home: run(home, "UPDATE chunks SET text = replace(text, 'dough', 'dooou') WHERE text LIKE '%dough%'"),
        "texts",
        "passages that are not as they were stored",
    ),
    "vector": (
        lambda home: run(home, "UPDATE vectors SET vector = zeroblob(length(vector))"),
        "vectors",
        "vectors that are damaged or of another dimension",
    ),
    "dimension": (
        lambda home: run(
            home, "UPDATE vectors SET vector = zeroblob(6), checksum = row_checksum(chunk_id, zeroblob(6))"
        ),
        "vectors",
        "vectors that are damaged or of another dimension",
    ),
    "no vector": (lambda home: run(home, "DELETE FROM vectors"), "vectors", "passages without a vector"),
    "no words": (
        lambda home: run(home, "INSERT INTO passages (passages) VALUES ('delete-all')"),
        "full text",
        "passages that the full text lacks",
    ),
    "words of nothing": (
        lambda home: run(home, "INSERT INTO passages (rowid, text) VALUES (7, 'dough of nobody')"),
        "full text",
        "passages in the full text that are gone",
    ),
    "structure of words": (
        lambda home: run(home, "DELETE FROM passages_data WHERE id > 10"),
        "full text",
        "its structure is damaged",
    ),
    "chunks of nobody": (
        lambda home: run(home, "INSERT INTO chunks (document_id, first_line, last_line, title, heading, text, digest) "
                               "VALUES (99, 1, 1, '', '', 'dough of nobody', 'x')"),
        "references",
        "chunks that belong to no documents",
    ),
    "documents of nobody": (
        lambda home: run(home, "INSERT INTO documents (generation_id, path, place, size, mtime_ns, hash, title, "
                               "modified) VALUES (99, '/x', 'x', 1, 1, 'h', 't', 0)"),
        "references",
        "documents that belong to no generations",
    ),
    "vector file": (with_random_file, "vector files", "is damaged"),
    "other vectors": (with_other_vectors, "vector files", "has other vectors than the index"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_does_not_agree_is_found_and_mended(
    docs: Index, home: Path, maintenance: Maintenance, open_index: Callable[..., Index], damage: str
) -> None:
    before = answers(docs)
    assert maintenance.verify() == {
        "ok": True,
        "problems": [],
        "checked": {"collections": 1, "documents": 3, "chunks": 5, "vectors": 5},
        "fix": "",
        "notes": [],
    }
    docs.close()
    spoil, part, message = DAMAGES[damage]
    spoil(home)
    found = maintenance.verify()
    assert (found["ok"], found["fix"]) == (False, "openclaw-instructor index repair")
    assert any(problem["part"] == part and message in problem["message"] for problem in found["problems"]), found
    report = maintenance.repair()
    assert report["done"]
    assert report["kept"] is None
    index = open_index()
    for name in report["to_sync"]:
        index.sync(name)
    assert maintenance.verify()["problems"] == []
    if damage != "other vectors":
        assert answers(index) == before
    assert maintenance.repair()["done"] == []


def test_vectors_are_embedded_anew_without_the_files(
    docs: Index,
    home: Path,
    folder: Path,
    maintenance: Maintenance,
    engine: WordEngine,
    open_index: Callable[..., Index],
) -> None:
    before = answers(docs)
    docs.close()
    shutil.rmtree(folder)
    run(home, "DELETE FROM vectors")
    engine.calls.clear()
    assert maintenance.repair() == {"done": ["embedded 5 passages of `docs` anew"], "kept": None, "to_sync": []}
    assert len(engine.texts) == 5
    assert answers(open_index()) == before


def test_a_sync_may_go_on_while_it_is_verified(docs: Index, folder: Path, maintenance: Maintenance) -> None:
    (folder / "new.md").write_text("An otter swims.\n")
    docs.sync()
    assert maintenance.verify()["ok"]
    (folder / "new.md").write_text("A walrus sleeps.\n")
    docs.sync()
    assert maintenance.verify()["checked"]["documents"] == 4


def test_an_index_that_is_not_there_is_whole(home: Path, maintenance: Maintenance) -> None:
    assert maintenance.verify()["ok"]
    assert maintenance.repair()["done"] == []
    Store(home / "index.db").close()


def test_words_of_other_passages_are_found_by_a_full_check(
    docs: Index, home: Path, maintenance: Maintenance, open_index: Callable[..., Index]
) -> None:
    before = answers(docs)
    docs.close()
    run(
        home,
        "CREATE TEMP TABLE kept AS SELECT id, title, heading, context, text FROM chunks",
        "INSERT INTO passages (passages) VALUES ('delete-all')",
        "INSERT INTO passages (rowid, text) SELECT id, word_stream(replace(text, 'dough', 'otter')) FROM kept",
    )
    assert maintenance.verify()["ok"]
    found = maintenance.verify(full=True)
    assert found["fix"] == "openclaw-instructor index repair --full"
    assert [problem["part"] for problem in found["problems"]] == ["full text"]
    assert maintenance.repair(full=True)["done"] == ["made the full text anew"]
    assert maintenance.verify(full=True)["ok"]
    assert answers(open_index()) == before
