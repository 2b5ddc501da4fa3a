"""Kind match: ranking, threshold, duplicates, and what is said when nothing fits."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.registry.kinds.match import MatchTask
from openclaw_instructor.tasks import match
from openclaw_instructor.testing import WordEngine
from tests.placed_engine import PlacedEngine

TASK = MatchTask(
    name="find", description="d", instruction="Represent the sentence for matching:", top_k=3, threshold=0.5
)
PLACES = {"query": (1.0, 0.0), "same": (1.0, 0.0), "near": (4.0, 3.0), "far": (3.0, 4.0), "apart": (0.0, 1.0)}


def run(**arguments: Any) -> tuple[dict[str, Any], PlacedEngine]:
    engine = PlacedEngine(PLACES)
    return match.run(TASK, {"query": "query", **arguments}, SimpleNamespace(engine=engine)), engine  # type: ignore[arg-type]


def test_candidates_are_ranked_by_cosine() -> None:
    result, _ = run(candidates=["apart", "far", "near", "same"])
    assert result["matches"] == [
        {"rank": 1, "index": 3, "text": "same", "score": 1.0},
        {"rank": 2, "index": 2, "text": "near", "score": pytest.approx(0.8)},
        {"rank": 3, "index": 1, "text": "far", "score": pytest.approx(0.6)},
    ]
    assert result["best"] == result["matches"][0]
    assert (result["count"], result["threshold"], result["notes"]) == (3, 0.5, [])


def test_both_sides_carry_the_tasks_instruction_in_one_call() -> None:
    _, engine = run(candidates=["near"])
    assert engine.calls == [("Represent the sentence for matching: ", ["query", "near"])]


def test_duplicates_are_embedded_once_and_keep_their_index() -> None:
    result, engine = run(candidates=["near", "same", "near"])
    assert [(found["index"], found["score"]) for found in result["matches"]] == [
        (1, 1.0),
        (0, pytest.approx(0.8)),
        (2, pytest.approx(0.8)),
    ]
    assert engine.calls[0][1] == ["query", "near", "same"]


def test_nothing_above_the_threshold_names_the_closest() -> None:
    result, _ = run(candidates=["apart", "far"], threshold=0.9)
    assert (result["matches"], result["count"], result["best"]) == ([], 0, None)
    assert result["notes"] == ["no candidate reaches the threshold 0.9; the closest is index 1 with 0.60"]


def test_what_top_k_hides_is_counted() -> None:
    result, _ = run(candidates=["same", "near", "far"], top_k=1)
    assert [found["index"] for found in result["matches"]] == [0]
    assert result["notes"] == ["2 more reach the threshold; raise `top_k` to see them"]


def test_empty_candidates_never_match_but_are_mentioned() -> None:
    result, engine = run(candidates=["", "same", "  "], threshold=-1)
    assert [found["index"] for found in result["matches"]] == [1]
    assert result["notes"] == ["2 empty candidate(s) were left out"]
    assert engine.calls[0][1] == ["query", "same"]


def test_only_empty_candidates() -> None:
    result, _ = run(candidates=[" ", ""])
    assert (result["matches"], result["best"]) == ([], None)
    assert result["notes"] == ["2 empty candidate(s) were left out"]


def test_truncation_is_said() -> None:
    engine = PlacedEngine(PLACES, longest=4)
    result = match.run(TASK, {"query": "query", "candidates": ["same"]}, SimpleNamespace(engine=engine))  # type: ignore[arg-type]
    assert result["truncated"] is True
    assert result["notes"] == ["a text is longer than the checkpoint reads; its end was left out"]


def named(identifier: str | int, text: str) -> dict[str, Any]:
    return {"id": identifier, "text": text}


def test_ids_of_candidates_come_back() -> None:
    result, _ = run(candidates=[named("x", "apart"), named(7, "near"), "same"])
    assert [(found["index"], found.get("id"), found["text"]) for found in result["matches"]] == [
        (2, None, "same"),
        (1, 7, "near"),
    ]


def several(**arguments: Any) -> dict[str, Any]:
    engine = PlacedEngine(PLACES)
    return match.run(TASK, arguments, SimpleNamespace(engine=engine))  # type: ignore[arg-type]


def test_each_of_several_queries_has_its_matches() -> None:
    result = several(queries=["query", named("b", "apart"), "elsewhere"], candidates=["near", "far", "same"], top_k=1)
    assert [[found["index"] for found in each["matches"]] for each in result["results"]] == [[2], [1], []]
    assert [(each["index"], each.get("id"), each["text"]) for each in result["results"]] == [
        (0, None, "query"),
        (1, "b", "apart"),
        (2, None, "elsewhere"),
    ]
    assert (result["count"], result["unmatched"]) == (2, [2])
    assert result["results"][2]["closest"] == {"index": 0, "score": 0.0}
    assert "1 of 3 queries" in result["notes"][0]
    assert "raise `top_k`" in result["notes"][1]


def test_one_to_one_gives_up_a_little_for_the_best_sum() -> None:
    """Each alone would take `same`: the first does without, because it has another that is nearly as good."""
    queries = ["near", "query"]
    alone = several(queries=queries, candidates=["same", "far"], top_k=1)
    assert [each["matches"][0]["index"] for each in alone["results"]] == [1, 0]
    queries, candidates = ["near", "query"], ["same", "apart"]
    taken = several(queries=queries, candidates=candidates, one_to_one=True, threshold=-1)
    assert [each["matches"][0]["index"] for each in taken["results"]] == [1, 0]


def test_one_to_one_leaves_out_what_does_not_reach_the_threshold() -> None:
    result = several(queries=["query", "same", "apart"], candidates=["query", "far"], one_to_one=True, threshold=0.7)
    pairs = {each["index"]: [found["index"] for found in each["matches"]] for each in result["results"]}
    assert sorted(map(tuple, pairs.values())) == [(), (0,), (1,)]
    assert pairs[2] == [1]
    assert len(result["unmatched"]) == 1


@pytest.mark.parametrize("arguments", [{}, {"query": "query", "queries": ["same"]}, {"queries": [" "]}])
def test_there_is_one_form_of_query(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidArguments, match="quer"):
        several(candidates=["same"], **arguments)


def test_many_candidates_go_to_the_model_in_batches() -> None:
    engine = WordEngine()
    candidates = [" ".join(f"place{place}is{digit}" for place, digit in enumerate(f"{n:04}")) for n in range(5_000)]
    result = match.run(TASK, {"query": candidates[4_321], "candidates": candidates}, SimpleNamespace(engine=engine))  # type: ignore[arg-type]
    assert result["best"]["index"] == 4_321
    assert sum(len(call.texts) for call in engine.calls) == 5_000, "the query is one of them"
    assert max(len(call.texts) for call in engine.calls) < 5_000


def test_pairs_to_assign_are_bounded() -> None:
    with pytest.raises(InvalidArguments, match="limit of `one_to_one`"):
        several(queries=["query"] * 2_000, candidates=["same"] * 5_001, one_to_one=True)


FAQ = ["How do I reset my password?", "Where is my order?"]


@pytest.mark.parametrize(
    ("query", "language"),
    [
        ("Ich habe mein Passwort vergessen", ""),
        ("Passwort vergessen", ""),
        ("Esqueci minha senha", ""),
        ("Wie kann ich meine Bestellung verfolgen, wenn sie noch nicht da ist?", "German"),
        ("J'ai oublié mon mot de passe", ""),
        ("¿Dónde está mi pedido?", ""),
        ("パスワードを忘れました", "Japanese"),
        ("Я забыл пароль", "Cyrillic"),
    ],
)
def test_a_query_in_a_language_the_checkpoint_does_not_read(query: str, language: str) -> None:
    result = match.run(TASK, {"query": query, "candidates": FAQ}, SimpleNamespace(engine=WordEngine("mini")))  # type: ignore[arg-type]
    assert any("the query seems to be in another language" in note and language in note for note in result["notes"])


@pytest.mark.parametrize(
    ("query", "checkpoint"),
    [
        ("password reset", "mini"),
        ("van rental", "mini"),
        ("reset", "mini"),
        ("please track the café order", "mini"),
        ("Ich habe mein Passwort vergessen", "BAAI/bge-m3"),
    ],
)
def test_no_word_of_languages_where_they_are_read(query: str, checkpoint: str) -> None:
    result = match.run(TASK, {"query": query, "candidates": FAQ}, SimpleNamespace(engine=WordEngine(checkpoint)))  # type: ignore[arg-type]
    assert not [note for note in result["notes"] if "language" in note]


def test_candidates_in_another_language() -> None:
    candidates = ["Wie setze ich mein Passwort zurück?", "Wo ist die Bestellung, die ich nicht erhalten habe?"]
    result = match.run(TASK, {"query": FAQ[0], "candidates": candidates}, SimpleNamespace(engine=WordEngine("mini")))  # type: ignore[arg-type]
    assert any("candidates seem to be in another language than English (German)" in note for note in result["notes"])


def test_a_negation_that_scores_do_not_reflect() -> None:
    flights = {"query": "flight without a stopover", "candidates": ["direct flight", "flight with one stopover"]}
    result = match.run(TASK, flights, SimpleNamespace(engine=WordEngine()))  # type: ignore[arg-type]
    assert any("negation (without)" in note for note in result["notes"])
    for query in ("my parcel has not arrived", "cannot log in"):
        other = match.run(TASK, {"query": query, "candidates": FAQ}, SimpleNamespace(engine=WordEngine()))  # type: ignore[arg-type]
        assert not any("negation" in note for note in other["notes"])
    alike = {"query": "printer not working", "candidates": ["the printer is not working"]}
    assert match.run(TASK, alike, SimpleNamespace(engine=WordEngine()))["notes"] == []  # type: ignore[arg-type]
