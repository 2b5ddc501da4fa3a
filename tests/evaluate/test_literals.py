"""Retrieval sets of literals are made of a folder of manuals."""

from __future__ import annotations

from pathlib import Path

import pytest

from openclaw_instructor.errors import InvalidData
from openclaw_instructor.evaluate import evaluate
from openclaw_instructor.evaluate.literals import literals, main, passages

TEXTS = [
    "The printer shows ERR-7731 at noon.",
    "Ticket 88213 is about the gate.",
    "The gate is about noon.",
    "see a3f9c21",
]


def test_a_literal_stands_in_one_text_only_whatever_its_case() -> None:
    found = literals([*TEXTS, "THE PRINTER, 88213"], 50)
    assert found == {"a3f9c21": 3, "7731": 0, "shows": 0, "err-7731": 0, "ticket": 1}
    assert len(literals(TEXTS, 1)) == 4


def test_the_sets_are_measured_as_any_others(tmp_path: Path) -> None:
    (tmp_path / "manuals").mkdir()
    for number, text in enumerate(TEXTS):
        (tmp_path / "manuals" / f"{number}.md").write_text(f"# Part {number}\n\n{text}\n")
    (tmp_path / "manuals" / "data.bin").write_bytes(b"\0")
    main([str(tmp_path / "manuals"), str(tmp_path / "out")])
    report = evaluate(tmp_path / "out", modes=["bm25"], facets=False)
    assert {result.dataset: result.metrics["recall_at_1"] for result in report.results} == {
        "literals-alone": 1.0,
        "literals-asked": 1.0,
    }


def test_a_folder_without_manuals_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match=r"no \.md, \.rst, \.txt with text below it"):
        passages(tmp_path, 10)
