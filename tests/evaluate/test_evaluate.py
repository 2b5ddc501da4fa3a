from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from openclaw_instructor.errors import InvalidArguments, InvalidData, MissingExtra
from openclaw_instructor.evaluate import evaluate
from openclaw_instructor.evaluate.embedders import Embedded, open_embedder
from tests.evaluate import sets

VOCABULARY = sorted({word for texts in sets.SUBJECTS.values() for text in texts for word in text.split()})


class Words:
    """Counts words: good at texts that share them. With `topic` in the instruction it sees subjects only."""

    name = "words"

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    def embed(self, texts: Sequence[str], instruction: str, role: str) -> Embedded:
        self.calls.append((instruction, role))
        counts = (
            np.array([[text.split().count(word) for word in VOCABULARY] for text in texts], dtype=np.float32) + 1e-6
        )
        if "topic" in instruction:
            subjects = [[any(w in s.split() for s in all_ for w in text.split() if len(w) > 4) for all_ in
                         sets.SUBJECTS.values()] for text in texts]  # fmt: skip
            counts = np.array(subjects, dtype=np.float32) + 1e-6
        return Embedded(counts / np.linalg.norm(counts, axis=1, keepdims=True), 0)


def test_every_kind_is_scored(tmp_path: Path) -> None:
    # One example of nine: of eight, the last would be drawn from those that tie but for rounding.
    report = evaluate(sets.write(tmp_path), [Words()], shots=1).as_dict()
    scores = {(row["dataset"], row["mode"]): row["score"] for row in report["results"]}
    assert scores["retrieval/again", "dense"] == scores["retrieval/again", "bm25"] == 1.0
    assert scores["retrieval/again", "hybrid"] == 1.0
    assert scores["reranking/again", ""] == 1.0
    assert scores["prompt-retrieval/subjects", ""] == 1.0
    assert {mode for name, mode in scores if name == "instruction-retrieval/again"} == {"prompt", "text"}
    assert scores["classification/subjects", ""] == 1.0
    assert scores["pair-classification/alike", ""] == 1.0
    assert scores["sts/alike", ""] > 0.8
    assert 0.5 < scores["clustering/subjects", ""] <= 1.0
    json.dumps(report, allow_nan=False)


def test_queries_and_documents_get_their_own_instruction(tmp_path: Path) -> None:
    words = Words()
    report = evaluate(sets.write(tmp_path), [words], kinds=["retrieval"], modes=["dense"])
    (query, query_role), (document, document_role) = words.calls
    assert (query_role, document_role) == ("query", "document")
    assert query != document
    assert report.results[0].used == {"query": query, "document": document}


def test_bm25_needs_no_vectors(tmp_path: Path) -> None:
    words = Words()
    report = evaluate(sets.write(tmp_path), [words], kinds=["retrieval"], modes=["bm25"])
    assert words.calls == []
    assert report.results[0].model == "bm25"


def test_models_and_instruction_sets_stand_side_by_side(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text('kinds: {clustering: "topic"}')
    folder = sets.write(tmp_path / "data")
    report = evaluate(folder, [Words()], instructions=["none", own], kinds=["clustering"])
    (_, columns, rows), *_ = report.tables()
    assert columns == ["data set", "metric", "words (none)", "words (own)"]
    assert float(rows[0][3]) > float(rows[0][2])


def test_means_are_over_the_data_sets_of_a_kind(tmp_path: Path) -> None:
    sets.write(tmp_path)
    sets.write(tmp_path / "again")
    report = evaluate(tmp_path, [Words()], kinds=["sts", "retrieval"], modes=["dense"])
    means = {(row["kind"], row["mode"]): row for row in report.means()}
    assert means["retrieval", "dense"]["datasets"] == 2
    assert "mean retrieval [dense]" in report.text()


def test_facets_show_whether_instructions_are_followed(tmp_path: Path) -> None:
    rows = [
        {"text": f"{text} {'please' if ask else 'now'}", "label": f"{subject} / {'ask' if ask else 'tell'}"}
        for subject, texts in sets.SUBJECTS.items()
        for text in texts
        for ask in (True, False)
    ]
    sets.jsonl(tmp_path / "hwu64/train.jsonl", rows)
    sets.jsonl(tmp_path / "hwu64/test.jsonl", rows)

    facets = {row["facet"]: row for row in evaluate(tmp_path, [_Follows("intent", ("please", "now"))]).facets}
    assert facets["intent"]["asked"] == 1.0
    assert facets["intent"]["gain"] > 0.2
    assert facets["topic"]["gain"] > 0.2
    ignores = {row["facet"]: row["gain"] for row in evaluate(tmp_path, [_Deaf()]).facets}
    assert ignores == {"topic": 0.0, "intent": 0.0}


def test_a_facet_can_be_held_against_an_instruction_without_labels(tmp_path: Path) -> None:
    rows = [
        {"text": f"{text} {ending}", "label": ending}
        for texts in sets.SUBJECTS.values()
        for text in texts
        for ending in ("gladly", "sadly")
    ]
    sets.jsonl(tmp_path / "tweet-emotion/train.jsonl", rows)
    sets.jsonl(tmp_path / "tweet-emotion/test.jsonl", rows)

    (row,) = evaluate(tmp_path, [_Follows("emotion", ("gladly", "sadly"))]).facets
    assert row["facet"] == "emotion"
    assert row["asked"] == 1.0
    assert row["gain"] > 0.2


class _Follows(Words):
    """Asked for the facet, it hears nothing but how a text ends."""

    def __init__(self, facet: str, endings: Sequence[str]) -> None:
        super().__init__()
        self.facet, self.endings = facet, endings

    def embed(self, texts: Sequence[str], instruction: str, role: str) -> Embedded:
        if self.facet not in instruction:
            return super().embed(texts, instruction, role)
        return Embedded(np.array([[text.endswith(e) for e in self.endings] for text in texts], dtype=np.float32), 0)


class _Deaf(Words):
    def embed(self, texts: Sequence[str], instruction: str, role: str) -> Embedded:
        return super().embed(texts, "", role)


FACETS = {"sources": ["mail"], "facets": {"topic": "topic", "intent": {"instruction": "intent"}}}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"sources": None}, r"facets\.own\.sources: give a list"),
        ({"sources": "mail"}, r"facets\.own\.sources: give a list"),
        (
            {"facets": {"topic": "topic", "intent": {"by": "label"}}},
            r"facets\.own\.facets\.intent: give an instruction",
        ),
        ({"facets": {"topic": "topic", "intent": None}}, r"facets\.own\.facets\.intent: give an instruction"),
        ({"facets": {"topic": "t", "intent": {"by": 1, "instruction": "i"}}}, r"intent\.by: give `label`"),
        ({"facets": {"topic": "t", "intent": {"by": "wish", "instruction": "i"}}}, "row of mail has no field `wish`"),
        ({"labels": "x"}, r"facets\.own\.labels: give a list"),
        ({"split_label": 1}, r"facets\.own\.split_label: give what parts"),
    ],
)
def test_a_mistake_in_a_facet_is_named(tmp_path: Path, wrong: dict[str, Any], said: str) -> None:
    sets.jsonl(tmp_path / "mail.jsonl", [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}])
    own = tmp_path / "own.yaml"
    own.write_text(json.dumps({"facets": {"own": FACETS | wrong}}))
    with pytest.raises(InvalidData, match=said):
        evaluate(tmp_path, [Words()], instructions=[own])


def test_what_has_no_score_is_left_out_with_the_reason(tmp_path: Path, command: Callable[..., Any]) -> None:
    folder = sets.write(tmp_path / "data")
    same = [{"text": text, "label": "x"} for text in sets.SUBJECTS["garden"]]
    sets.jsonl(folder / "one/train.jsonl", same)
    sets.jsonl(folder / "one/test.jsonl", same)
    sets.jsonl(folder / "untested/train.jsonl", [*same, {"text": "y", "label": "y"}])
    sets.jsonl(folder / "untested/test.jsonl", [])
    sets.jsonl(folder / "alone.jsonl", same)
    sets.jsonl(folder / "pairs.jsonl", [{"s1": "a", "s2": "b", "label": 1}] * 3)
    sets.jsonl(folder / "ranked.jsonl", [{"query": "a", "positive": [], "negative": ["b"]}])
    sets.jsonl(folder / "unjudged/corpus.jsonl", [{"id": 1, "text": "a"}])
    sets.jsonl(folder / "unjudged/queries.jsonl", [{"id": 1, "text": "a"}])
    (folder / "unjudged/qrels.tsv").write_text("2\t1\t1\n")
    own = tmp_path / "own.yaml"
    facets = {"topic": {"by": "label", "instruction": "topic"}, "intent": "intent"}
    own.write_text(json.dumps({"facets": {"few": {"sources": ["alone"], "facets": facets}}}))
    report = evaluate(folder, [Words()], instructions=[own])
    assert len(report.results) == 7 + 3 + 2
    assert report.facets == []
    assert report.skipped["one"] == "its texts to learn from: all of label 'x'; a score needs two different labels"
    assert set(report.skipped) == {"one", "untested", "alone", "pairs", "ranked", "unjudged", "facets.few"}
    json.dumps(report.as_dict(), allow_nan=False)


def test_facets_of_few_texts_are_scored_too(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    facets = {"topic": {"by": "label", "instruction": "topic"}, "intent": "intent"}
    own.write_text(json.dumps({"facets": {"few": {"sources": ["subjects"], "facets": facets}}}))
    folder = sets.write(tmp_path / "data")
    for limit, asked in ((None, 1.0), (6, 1.0), (3, 0.0)):
        (row,) = evaluate(folder, [Words()], instructions=[own], kinds=["clustering"], limit=limit).facets
        assert row["n"] == (limit or 9)
        assert row["asked"] == asked, "three texts are of three labels"


def test_a_missing_extra_is_said_before_a_model_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    with pytest.raises(MissingExtra, match=r"openclaw-instructor\[evaluate\]"):
        evaluate(sets.write(tmp_path), ["no/such-checkpoint"], offline=True)


def test_limit_cuts_rows_and_queries(tmp_path: Path) -> None:
    report = evaluate(sets.write(tmp_path), [Words()], kinds=["retrieval", "sts"], modes=["dense"], limit=4)
    assert [row.texts for row in report.results] == [8, 4 + 9]


def test_unknown_choices_are_named(tmp_path: Path) -> None:
    sets.write(tmp_path)
    with pytest.raises(InvalidArguments, match="use dense, bm25, hybrid"):
        evaluate(tmp_path, [Words()], modes=["sparse"])
    with pytest.raises(InvalidArguments, match="there are: sts/alike"):
        evaluate(tmp_path, [Words()], datasets=["nothing-*"])
    with pytest.raises(InvalidData, match="cannot be measured"):
        evaluate(tmp_path, [object()])  # type: ignore[list-item]


def test_vectors_of_a_named_model_are_kept_and_used_again(
    tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from openclaw_instructor.model.instructor import INSTRUCTOR

    folder, cache = sets.write(tmp_path / "data"), tmp_path / "cache"
    options: dict[str, Any] = {"kinds": ["sts"], "cache": cache}
    first = evaluate(folder, [str(tiny_checkpoint)], **options)
    monkeypatch.setattr(INSTRUCTOR, "embed", None)
    again = evaluate(folder, [str(tiny_checkpoint)], **options)
    assert again.results[0].metrics == first.results[0].metrics


def test_a_checkpoint_counts_the_texts_it_cut(tmp_path: Path, tiny_checkpoint: Path) -> None:
    long = " ".join(["invoice"] * 400)
    sets.jsonl(tmp_path / "some.jsonl", [{"s1": long, "s2": "short", "score": i} for i in range(3)])
    report = evaluate(tmp_path, [str(tiny_checkpoint)])
    assert report.results[0].truncated == 3
    # Three equal pairs have no rank correlation, and JSON no NaN.
    assert report.as_dict()["results"][0]["score"] is None


def test_a_sentence_transformers_teacher_is_measured_beside_a_checkpoint(
    tmp_path: Path, tiny_checkpoint: Path, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENCLAW_INSTRUCTOR_DTYPE", "float32")
    folder = sets.write(tmp_path / "data")
    arguments = ["--checkpoint", str(tiny_checkpoint), "--teacher", str(tiny_checkpoint), "--dataset", "alike"]
    output = command("evaluate", str(folder), *arguments, "--instructions", "none", "--json")
    assert output.status == 0
    ours, theirs = (row for row in output.json["results"] if row["kind"] == "sts")
    assert ours["model"] == str(tiny_checkpoint)
    # No instructions and the same weights: the two loaders must agree.
    assert ours["metrics"]["cosine_pearson"] == pytest.approx(theirs["metrics"]["cosine_pearson"], abs=1e-4)


def test_the_configured_revision_and_offline_are_kept_to(
    tmp_path: Path, command: Callable[..., Any], asked_of_hub: list[tuple[str, str | None, bool]]
) -> None:
    words = ["evaluate", str(sets.write(tmp_path)), "--kind", "sts"]
    assert command(*words).status == 0
    assert command(*words, "--checkpoint", "some/other", "--checkpoint", "some/one").status == 0
    assert asked_of_hub == [("some/one", "v1", True), ("some/other", None, True), ("some/one", "v1", True)]


def test_a_teacher_is_not_looked_for_on_the_hub_when_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    import sentence_transformers

    asked = []

    def refuse(path: str, **options: Any) -> Any:
        asked.append((path, options["local_files_only"]))
        raise OSError("not here")

    monkeypatch.setattr(sentence_transformers, "SentenceTransformer", refuse)
    for offline in (True, False):
        with pytest.raises(InvalidData, match="cannot be loaded"):
            open_embedder("sentence-transformers:some/one", offline=offline)
    assert asked == [("some/one", True), ("some/one", False)]


def test_the_command_prints_a_table_and_writes_json(
    tmp_path: Path, tiny_checkpoint: Path, command: Callable[..., Any]
) -> None:
    folder, saved = sets.write(tmp_path / "data"), tmp_path / "out.json"
    output = command("evaluate", str(folder), "--checkpoint", str(tiny_checkpoint), "--output", str(saved))
    assert output.status == 0
    assert "retrieval/again [hybrid]" in output.out
    assert len(json.loads(saved.read_text())["results"]) == 7 + 3 + 2


def test_a_folder_that_is_not_there_is_the_users_mistake(command: Callable[..., Any], tmp_path: Path) -> None:
    output = command("evaluate", str(tmp_path / "none"), "--json")
    assert output.status == 2
    assert output.json["error"]["code"] == "invalid_data"
