"""Forms of a word that a stemmer keeps apart: looked for where the word itself stands nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from openclaw_instructor.index import Index
from openclaw_instructor.index.word_family import relatives
from tests.index.word_engine import DOCUMENT, ask


@pytest.mark.parametrize(
    ("word", "related"),
    [
        ("roofer", "roof"),
        ("roofers", "roof"),
        ("climbing", "climber"),
        ("baker", "bake"),
        ("planner", "plan"),
        ("pay", "paid"),
        ("paid", "pay"),
        ("children", "child"),
        ("running", "ran"),
        ("groesser", "grosser"),
        ("mueller", "muller"),
    ],
)
def test_relatives(word: str, related: str) -> None:
    assert related in relatives(word)


@pytest.mark.parametrize("word", ["number", "flower", "computer", "computing", "naïve", "x1", "", "s", "er", "ing"])
def test_words_without_relatives(word: str) -> None:
    assert relatives(word) == ()


def test_a_word_that_stands_nowhere_finds_its_relatives_and_no_other_does(index: Index, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    for name, text in (
        ("a.md", "the roof was paid"),
        ("b.md", "a climber"),
        ("c.md", "climbing up to pay"),
    ):
        (tmp_path / "notes" / name).write_text(f"{text}\n")
    index.add("docs", [tmp_path / "notes"], instruction=DOCUMENT)
    index.sync("docs")

    def found(query: str) -> set[str]:
        return {Path(hit["file"]).name for hit in ask(index, query, mode="keyword")["hits"]}

    assert found("roofer") == {"a.md"}
    assert found("climbing") == {"c.md"}
    assert found("how much") == set()
    assert found("unpaid") == set()


def test_the_snippet_holds_the_relative(index: Index, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    filler = "\n".join(f"line {number} about nothing at all" for number in range(30))
    (tmp_path / "notes" / "a.md").write_text(f"{filler}\nthe roof leaks\n{filler}\n")
    index.add("docs", [tmp_path / "notes"], instruction=DOCUMENT)
    index.sync("docs")
    hits = ask(index, "roofer", mode="keyword", top_k=30)["hits"]
    assert any("the roof leaks" in hit["snippet"] for hit in hits)
