"""Why a search answered as it did, and where an expected file was lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.index import Index
from tests.index.word_engine import DOCUMENT, QUERY, ask


@pytest.fixture
def pool(index: Index, tmp_path: Path) -> Path:
    folder = tmp_path / "pool"
    folder.mkdir()
    log = "\n\n".join(f"## Day {day}\n\nThe pool pump was checked, level {day}." for day in range(12))
    for name, text in {
        "log.md": f"# Log\n\n{log}\n",
        "rules.md": "# Rules\n\nShower before you enter the pool.\n",
        "copy.md": "# Rules\n\nShower before you enter the pool.\n",
        "far.md": "# Bread\n\nKnead the dough.\n",
        "blank.md": "\n",
        "broken.pdf": "%PDF-1.4 broken",
    }.items():
        (folder / name).write_text(text)
    index.add("docs", [folder], instruction=DOCUMENT)
    index.sync("docs")
    return folder


def test_each_hit_says_its_ranks_on_both_sides(index: Index, pool: Path) -> None:
    result = ask(index, "pool pump", explain=True, top_k=4)
    for hit in result["hits"]:
        ranks = hit["explain"]
        assert set(ranks) == {"meaning", "words", "fused"}
        assert ranks["fused"]["score"] == pytest.approx(hit["score"], abs=1e-3)
    assert result["hits"][0]["explain"]["meaning"]["cosine"] > 0
    weights = result["explained"]["weights"]
    assert weights["meaning"] + weights["words"] == pytest.approx(1)
    reasons = [entry["reason"] for entry in result["explained"]["left_out"]]
    assert any("2 hits of its document" in reason for reason in reasons)
    assert any("the same text as" in reason for reason in reasons)
    assert "explain" not in str(ask(index, "pool pump"))


@pytest.mark.parametrize(("mode", "weight"), [("vector", 1), ("keyword", 0)])
def test_one_side_alone_has_the_whole_weight(index: Index, pool: Path, mode: str, weight: float) -> None:
    result = ask(index, "pool pump", explain=True, mode=mode)
    assert result["explained"]["weights"]["meaning"] == weight
    assert (result["hits"][0]["explain"]["words"] is None) == (mode == "vector")


@pytest.mark.parametrize(
    ("expect", "options", "stage", "reason"),
    [
        ("rules.md", {}, "found", ""),
        ("log.md", {"top_k": 1, "path": "*.md", "query": "Shower before you enter"}, "left out", "below the best 1"),
        ("far.md", {"mode": "keyword", "query": "shower"}, "not a candidate", "no word of the query"),
        ("rules.md", {"path": "log.md"}, "filtered", "`path` leaves it out"),
        ("rules.md", {"types": "pdf", "after": "2999"}, "filtered", "`after` and `type` leave it out"),
        ("blank.md", {}, "empty", "holds no text"),
        ("broken.pdf", {}, "unreadable", ""),
        ("new.md", {}, "not indexed", "no sync has seen it yet"),
        ("id_rsa", {}, "not indexed", "no file id_rsa lies in the folders"),
        ("nowhere.md", {}, "not indexed", "no file nowhere.md lies in the folders"),
    ],
)
def test_the_stage_at_which_a_file_was_lost(
    index: Index, pool: Path, expect: str, options: dict[str, Any], stage: str, reason: str
) -> None:
    (pool / "new.md").write_text("The pool.\n")
    query = options.pop("query", "pool rules")
    result = index.inspect(query, expect, collection="docs", query_instruction=QUERY, **options)
    assert (result["stage"], result["found"]) == (stage, stage == "found")
    assert reason in result["reason"]
    if stage in ("found", "left out"):
        assert result["explain"]["fused"]["rank"] >= 1
        assert result["file"] == str(pool / expect)


def test_the_rule_that_leaves_a_file_out_is_named(index: Index, tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    for name in (
        "a.md", ".hidden/b.md", "node_modules/c.md", "drafts/d.md", "made/e.md", "scan.tiff", "[old] f.md", ".env"
    ):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("The pool.\n")
    (folder / ".gitignore").write_text("made/\n[[]old] f.md\n")
    index.add("rules", [folder], exclude=["drafts/"], instruction=DOCUMENT)
    index.sync("rules")
    for expect, reason in {
        ".hidden/b.md": "left out: hidden",
        "c.md": "left out: installed or compiled code",
        "drafts/d.md": "a pattern of `--exclude` leaves it out: drafts/",
        "e.md": f"its folder {folder}/made is left out: ignored by git",
        "scan.tiff": "files of the type .tiff are not read",
        "[old] f.md": "it is left out: ignored by git",
        ".env": "secret",
        str(folder / "made" / "e.md"): "ignored by git",
        "/elsewhere/a.md": "no file /elsewhere/a.md lies in the folders",
    }.items():
        found = index.inspect("pool", expect, collection="rules", query_instruction=QUERY)
        assert (found["stage"], found["found"]) == ("not indexed", False), expect
        assert reason in found["reason"], (expect, found["reason"])


def test_what_was_expected_has_to_be_a_name(index: Index, pool: Path) -> None:
    with pytest.raises(InvalidArguments, match="expect: "):
        index.inspect("pool", "./", collection="docs", query_instruction=QUERY)


def test_diversity_puts_what_differs_before_what_is_alike(index: Index, tmp_path: Path) -> None:
    folder = tmp_path / "alike"
    folder.mkdir()
    for number in range(4):
        (folder / f"alike{number}.txt").write_text(f"The pool pump needs a new filter, number {number}.\n")
    (folder / "other.txt").write_text("The pool opens in May after the chlorine test.\n")
    index.add("docs", [folder], instruction=DOCUMENT)
    index.sync("docs")
    names = [
        [Path(hit["file"]).name for hit in ask(index, "pool pump filter", top_k=2, diversity=diversity)["hits"]]
        for diversity in (0.0, 0.7)
    ]
    assert "other.txt" not in names[0]
    assert names[1][1] == "other.txt"
    assert names[1][0] == names[0][0]


def test_the_ranks_of_the_only_side_are_those_of_the_answer(index: Index, pool: Path) -> None:
    for mode, side in (("keyword", "words"), ("vector", "meaning")):
        result = ask(index, "shower pool level", explain=True, mode=mode, top_k=6)
        ranks = [(hit["explain"][side]["rank"], hit["explain"]["fused"]["rank"]) for hit in result["hits"]]
        assert ranks == sorted(ranks)
