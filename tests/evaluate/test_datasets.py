from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor.errors import InvalidData
from openclaw_instructor.evaluate.datasets import KINDS, cut, find
from openclaw_instructor.evaluate.instructions import Instructions
from tests.evaluate import sets


def test_every_kind_is_found_by_its_layout(tmp_path: Path) -> None:
    found = find(sets.write(tmp_path))
    assert [dataset.kind for dataset in found.datasets] == list(KINDS)
    assert {dataset.name for dataset in found.datasets} >= {"retrieval/again", "classification/subjects", "sts/alike"}


def test_a_data_set_itself_can_be_given(tmp_path: Path) -> None:
    sets.write(tmp_path)
    assert [d.name for d in find(tmp_path / "retrieval/again").datasets] == ["again"]
    assert [d.kind for d in find(tmp_path / "sts/alike.jsonl.gz").datasets] == ["sts"]


def test_a_file_of_no_known_form_is_named_with_the_reason(tmp_path: Path) -> None:
    sets.write(tmp_path)
    sets.jsonl(tmp_path / "notes.jsonl", [{"a": 1}])
    assert "s1, s2, score" in find(tmp_path).skipped["notes"]


@pytest.mark.parametrize(
    ("line", "said"), [('{"text": 1', "2: not valid JSON"), ('{"text": "x"}', "2: field `label` is missing")]
)
def test_a_bad_row_is_named_by_file_and_line(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "some.jsonl"
    path.write_text('{"text": "x", "label": "y"}\n' + line)
    with pytest.raises(InvalidData, match=said):
        find(tmp_path).datasets[0].rows("rows")


@pytest.mark.parametrize(
    ("good", "field", "bad", "said"),
    [
        ({"s1": "a", "s2": "b", "score": 1}, "score", None, "`score` is null; it must be a number"),
        ({"s1": "a", "s2": "b", "score": 1}, "score", True, "must be a number"),
        ({"s1": "a", "s2": "b", "score": 1}, "s2", 5, "`s2` is 5; it must be a text"),
        ({"s1": "a", "s2": "b", "label": 1}, "label", "entail", '`label` is "entail"; it must be 0 or 1'),
        ({"s1": "a", "s2": "b", "label": 1}, "label", 0.7, "must be 0 or 1"),
        ({"s1": "a", "s2": "b", "label": 1}, "label", [1], "must be 0 or 1"),
        ({"text": "a", "label": "x"}, "label", None, "`label` is null; it must be a text or a number"),
        ({"text": "a", "label": "x"}, "text", None, "`text` is null; it must be a text"),
        ({"query": "a", "positive": ["b"], "negative": []}, "negative", None, "must be a list of texts"),
        ({"query": "a", "positive": ["b"], "negative": []}, "positive", ["b", 1], "must be a list of texts"),
    ],
)
def test_a_value_of_a_wrong_type_is_named_by_file_and_line(
    tmp_path: Path, good: dict[str, Any], field: str, bad: Any, said: str
) -> None:
    sets.jsonl(tmp_path / "some.jsonl", [good, good | {field: bad}])
    with pytest.raises(InvalidData, match=rf"some\.jsonl:2: .*{re.escape(said)}"):
        find(tmp_path).datasets[0].rows("rows")


def test_values_that_are_plainly_meant_are_taken(tmp_path: Path) -> None:
    sets.jsonl(tmp_path / "ranked.jsonl", [{"query": "a", "positive": "one text", "negative": ["b"]}])
    sets.jsonl(tmp_path / "same.jsonl", [{"s1": "a", "s2": "b", "label": value} for value in (1, "0", True, 0.0)])
    ranked, same = sorted(find(tmp_path).datasets, key=lambda dataset: dataset.name)
    assert ranked.rows("rows")[0]["positive"] == ["one text"]
    assert [row["label"] for row in same.rows("rows")] == [1, 0, 1, 0]


def test_a_cut_keeps_labels_in_proportion_and_all_of_them() -> None:
    sizes = {"a": 60, "b": 30, "c": 9, "d": 1}
    rows = [{"label": label, "at": at} for label, size in sizes.items() for at in range(size)]
    for order in (rows, rows[::-1], rows[::7] + [row for i, row in enumerate(rows) if i % 7]):
        kept = cut(order, 20)
        assert Counter(row["label"] for row in kept) == {"a": 11, "b": 6, "c": 2, "d": 1}
        assert [order.index(row) for row in kept] == sorted(order.index(row) for row in kept)
        assert kept == cut(order, 20)
        assert {row["label"] for row in cut(order, 4)} == set(sizes)
        assert {row["label"] for row in cut(order, 2)} == {"a", "b"}
    every_other = [{"text": str(i), "label": "xy"[i % 2]} for i in range(100)]
    assert Counter(row["label"] for row in cut(every_other, 50)) == {"x": 25, "y": 25}


def test_a_cut_of_rows_without_labels_is_evenly_spread() -> None:
    rows = [{"s1": str(i)} for i in range(10)]
    assert cut(rows, 5) == rows[::2]
    assert cut(rows, 10) == rows


def test_a_cut_gzip_file_is_said_to_be_broken(tmp_path: Path) -> None:
    path = sets.jsonl(tmp_path / "some.jsonl.gz", [{"text": f"x{i}", "label": "y"} for i in range(500)])
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InvalidData, match="cannot be read"):
        find(tmp_path).datasets[0].rows("rows")


@pytest.mark.parametrize("line", ["q2 2 1", "q2\t2\t--5", "q2\t2\t²"])
def test_bad_judgements_are_named_by_line(tmp_path: Path, line: str) -> None:
    sets.write(tmp_path)
    (tmp_path / "retrieval/again/qrels.tsv").write_text(f"q1\t1\t1\n{line}\n")
    with pytest.raises(InvalidData, match=r"qrels\.tsv:2"):
        find(tmp_path / "retrieval").datasets[0].judgements()


def test_an_empty_folder_is_an_error_with_the_fix(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match=r"docs/evaluation\.md"):
        find(tmp_path)


def test_instructions_go_from_data_set_to_kind_to_nothing(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        'kinds: {sts: "Represent A:"}\ndatasets: {"na*": {query: "Represent Q: ", document: "Represent D:"}}'
    )
    own = Instructions.load(path)
    assert own.of("sts/other", "sts", "text") == "Represent A: "
    assert own.of("retrieval/name", "retrieval", "query") == "Represent Q: "
    assert own.of("retrieval/name", "retrieval", "document") == "Represent D: "
    assert own.of("clustering/other", "clustering", "text") == ""
    assert Instructions.load("none").of("sts/other", "sts", "text") == ""


def test_the_packaged_instructions_cover_every_kind_and_end_with_one_space() -> None:
    packaged = Instructions.load(None)
    for kind in KINDS:
        role = "query" if kind in ("retrieval", "reranking", "instruction-retrieval") else "text"
        text = packaged.of("unheard-of", kind, role)
        assert text.startswith("Represent the ")
        assert text.endswith(": ")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("kind: {}", "unknown key `kind`"),
        ("kinds: {stz: x}", "unknown kind"),
        ("datasets: {a: [1]}", "datasets.a"),
        ("facets: [a]", "`facets:` must hold"),
    ],
)
def test_a_mistake_in_an_instructions_file_is_named(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(content)
    with pytest.raises(InvalidData, match=said):
        Instructions.load(path)
