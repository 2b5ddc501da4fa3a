"""What is written in a query counts in every mode: literals, quotations, exclusions; and what a score says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor.index import Index
from tests.index.word_engine import DOCUMENT, ask

TOPICS = "printer gate boiler lamp fence pump clock radio sofa table chair mirror carpet ladder bucket".split()  # noqa: SIM905
CODES = ["ERR-7731", "0x80070005", "CVE-2024-31337", "10.0.0.1", "v3.14.2", "2024-03-05", "--dry-run", "/etc/app.conf"]
CODES += ["a3f9c21", "QX7", "wibblet", "getFileSize"]


@pytest.fixture
def notes(index: Index, tmp_path: Path) -> Index:
    """Sixty notes about everyday things, and one for each literal, which says more about other things."""
    folder = tmp_path / "notes"
    folder.mkdir()
    for number in range(60):
        one, two = TOPICS[number % 15], TOPICS[(number * 7 + 3) % 15]
        (folder / f"note{number}.md").write_text(
            f"# Note {number}\n\nThe {one} is checked every week. The {two} waits for spare parts since spring.\n"
        )
    for number, code in enumerate(CODES):
        (folder / f"code{number}.md").write_text(
            f"# Remark\n\nThe {TOPICS[number]} is new. See {code} for that. The {TOPICS[-number - 1]} is old.\n"
        )
    (folder / "it.md").write_text("# IT department\n\nCall IT when the laptop is lost.\n")
    (folder / "chairs.md").write_text("# Seats\n\nThe blue chair stands by the door.\n")
    (folder / "mixed.md").write_text("# Seats\n\nA chair in blue, and a wooden chair.\n")
    index.add("docs", [folder], instruction=DOCUMENT)
    index.sync("docs")
    return index


def files(result: dict[str, Any]) -> list[str]:
    return [Path(hit["file"]).name for hit in result["hits"]]


def test_who_alone_has_a_literal_is_first_and_among_five(notes: Index) -> None:
    for number, code in enumerate(CODES):
        assert files(ask(notes, code))[0] == f"code{number}.md", code
        for query in (f"what is {code}?", f"the printer that waits for {code}"):
            assert f"code{number}.md" in files(ask(notes, query)), query
        assert files(ask(notes, code, mode="keyword"))[0] == f"code{number}.md", code


def test_several_literals_are_all_among_five(notes: Index) -> None:
    found = files(ask(notes, "is ERR-7731 or QX7 or CVE-2024-31337 about the printer and the gate"))
    assert {"code0.md", "code2.md", "code9.md"} <= set(found)


def test_a_literal_is_shown_though_its_document_has_better_passages(index: Index, tmp_path: Path) -> None:
    parts = [f"## Part {number}\n\nThe printer prints page {number} of the printer list.\n\n" for number in range(9)]
    (tmp_path / "log.md").write_text("".join([*parts, "## Last\n\nThen ERR-7731 came up at noon.\n"]))
    index.add("docs", [tmp_path / "log.md"], instruction=DOCUMENT)
    index.sync("docs")
    hits = ask(index, "printer list page ERR-7731")["hits"]
    assert any("ERR-7731" in hit["snippet"] for hit in hits)


@pytest.mark.parametrize("mode", ["hybrid", "vector", "keyword"])
def test_quotations_and_exclusions_are_obeyed(notes: Index, mode: str) -> None:
    assert files(ask(notes, '"blue chair"', mode=mode)) == ["chairs.md"]
    nothing = ask(notes, 'a "green chair"', mode=mode)
    assert nothing["hits"] == []
    assert 'nothing has "green chair"; ask without the quotation marks' in nothing["notes"]
    both = ask(notes, '"blue chair" "wooden"', mode=mode)
    assert (both["hits"], "nothing has all that is quoted; quote less" in both["notes"]) == ([], True)
    without = ask(notes, "blue chair -wooden", mode=mode, top_k=50)
    assert "chairs.md" in files(without)
    assert "mixed.md" not in files(without)
    assert "left out what has 'wooden'" in without["notes"]


@pytest.mark.parametrize("mode", ["hybrid", "vector", "keyword"])
def test_filters_hold_beside_quotations(notes: Index, mode: str) -> None:
    assert files(ask(notes, '"blue chair"', mode=mode, path="chairs.md")) == ["chairs.md"]
    assert files(ask(notes, '"blue chair"', mode=mode, path="mixed.md")) == []
    assert files(ask(notes, "chair -wooden", mode=mode, path="*s.md")) == ["chairs.md"]


def test_words_in_capitals_are_found(notes: Index) -> None:
    for query in ("IT", "IT support"):
        for mode in ("hybrid", "keyword"):
            assert files(ask(notes, query, mode=mode))[0] == "it.md"


@pytest.mark.parametrize("query", ["how do giraffes learn chess", "xqzvv blorptang", "???", "🚀"])
@pytest.mark.parametrize("mode", ["hybrid", "vector"])
def test_what_fits_nothing_scores_low_and_is_said(notes: Index, query: str, mode: str) -> None:
    result = ask(notes, query, mode=mode)
    assert all(hit["score"] < 0.5 for hit in result["hits"])
    assert any(note.startswith(("nothing fits", "nothing in docs matched")) for note in result["notes"])


@pytest.mark.parametrize("mode", ["hybrid", "keyword"])
def test_scores_compare_and_say_how_much_fits(notes: Index, mode: str) -> None:
    whole, half = (ask(notes, query, mode=mode)["hits"] for query in ("blue chair", "blue zeppelin"))
    for hits in (whole, half):
        scores = [hit["score"] for hit in hits]
        assert scores == sorted(scores, reverse=True)
        assert 0 <= scores[-1] <= scores[0] <= 1
    assert whole[0]["score"] > 0.9 > 0.6 > half[0]["score"] > 0


def test_another_collection_does_not_make_a_literal_common(notes: Index, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    for number in range(5):
        (tmp_path / "other" / f"{number}.md").write_text(f"Line {number} has ERR-7731 too.\n")
    notes.add("other", [tmp_path / "other"], instruction=DOCUMENT)
    notes.sync("other")
    assert files(ask(notes, "ERR-7731"))[0] == "code0.md"
    assert "code0.md" in files(ask(notes, "the printer that waits for ERR-7731"))
    assert files(ask(notes, '"ERR-7731"')) == ["code0.md"]
