"""Kind dedupe: groups around the text to keep, and thresholds from pairs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from openclaw_instructor import Toolbox
from openclaw_instructor.errors import InvalidArguments, UnknownTask
from openclaw_instructor.registry import Registry
from openclaw_instructor.registry.kinds.dedupe import DedupeTask, Pair
from openclaw_instructor.settings import Settings
from openclaw_instructor.tasks import dedupe
from openclaw_instructor.testing import WordEngine
from tests.placed_engine import PlacedEngine

TASK = DedupeTask(name="find", description="d", instruction="Represent the sentence:", threshold=0.9)
# Neighbours on a circle, 20 degrees apart: each is near the next (0.94), and not near the one after it (0.77).
CHAIN = {name: (float(np.cos(np.radians(20 * n))), float(np.sin(np.radians(20 * n)))) for n, name in enumerate("abcd")}


def run(
    texts: list[Any], engine: WordEngine | None = None, task: DedupeTask = TASK, **arguments: Any
) -> dict[str, Any]:
    resources = SimpleNamespace(engine=engine or WordEngine())
    return dedupe.run(task, {"texts": texts, **arguments}, resources)  # type: ignore[arg-type]


def grouped(result: dict[str, Any]) -> list[list[int]]:
    return [[group["keep"]["index"], *(each["index"] for each in group["duplicates"])] for group in result["groups"]]


def test_texts_that_say_the_same_are_grouped() -> None:
    texts = [
        "pay the plumber",
        "water the roses",
        {"id": "p", "text": "Pay  the plumber"},
        "now pay the plumber: today",
        "rest",
    ]
    result = run(texts, threshold=0.7)
    assert grouped(result) == [[0, 2, 3]]
    exact, near = result["groups"][0]["duplicates"]
    assert (exact["exact"], exact["id"], exact["score"]) == (True, "p", 1.0)
    assert "exact" not in near
    assert 0.7 <= near["score"] < 1
    assert (result["count"], result["duplicates"], result["distinct"]) == (1, 2, 3)
    assert (result["threshold"], result["threshold_from"]) == (0.7, "call")
    assert run(texts)["threshold_from"] == "task"


def test_groups_do_not_grow_from_neighbour_to_neighbour() -> None:
    result = run(list("abcd"), PlacedEngine(CHAIN))
    (group,) = grouped(result)
    assert (group[0], set(group[1:])) == (1, {0, 2})
    assert result["distinct"] == 2


def test_the_largest_group_comes_first() -> None:
    assert grouped(run(["a a1", "b b1", "b b1", "a a1", "b b1"])) == [[1, 2, 4], [0, 3]]


def test_nothing_is_the_same() -> None:
    result = run(["one thing", "other matter", " "])
    assert (result["groups"], result["duplicates"], result["distinct"]) == ([], 0, 2)
    assert result["notes"] == ["1 empty text(s) were left out"]
    assert run([" "])["groups"] == []


def test_other_numbers_and_negations_are_pointed_out() -> None:
    texts = ["please send invoice 2041 to accounting department", "please send invoice 2042 to accounting department"]
    result = run([*texts, "does not please send invoice 2041 to accounting department"], threshold=0.7)
    assert [each["differs"] for each in result["groups"][0]["duplicates"]] == [["a negation"], ["2041", "2042"]]
    assert "2 duplicate(s) differ" in result["notes"][0]
    assert result["threshold_from"] == "call"


PAIRS = [
    {"a": "a", "b": "b", "same": True},
    {"a": "b", "b": "c", "same": True},
    {"a": "a", "b": "c", "same": False},
    {"a": "a", "b": "d", "same": False},
]


@pytest.mark.parametrize("where", ["call", "task"])
def test_a_threshold_is_learned_from_pairs(where: str) -> None:
    engine = PlacedEngine(CHAIN)
    if where == "call":
        result = run(list("abcd"), engine, pairs=PAIRS)
    else:
        result = run(list("abcd"), engine, TASK.model_copy(update={"pairs": tuple(Pair(**pair) for pair in PAIRS)}))
    assert result["threshold"] == pytest.approx((np.cos(np.radians(20)) + np.cos(np.radians(40))) / 2, abs=1e-3)
    assert (result["threshold_from"], result["pairs"]) == ("pairs", {"count": 4, "right": 4})


def test_pairs_that_overlap_give_the_best_f1() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    assert dedupe.learn_threshold(scores, np.array([True, True, False, True, False])) == pytest.approx(0.55)
    assert dedupe.learn_threshold(scores, np.array([True, False, False, False, False])) == pytest.approx(0.85)
    assert dedupe.learn_threshold(np.full(2, 0.5), np.array([True, False])) <= 0.5


@pytest.mark.parametrize(
    "arguments",
    [
        {"pairs": PAIRS[:2]},
        {"pairs": PAIRS[2:]},
        {"pairs": PAIRS, "threshold": 0.5},
        {"pairs": [*PAIRS, {"a": " ", "b": "b", "same": True}]},
    ],
    ids=str,
)
def test_what_no_threshold_comes_from_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidArguments, match="give"):
        run(["a"], **arguments)


def test_the_packaged_task_is_off_until_it_is_shown(home: Path) -> None:
    with Toolbox(engine=WordEngine()) as toolbox:
        with pytest.raises(UnknownTask):
            toolbox.run("find_duplicates", {"texts": ["a"]})
        (home / "instructions.yaml").write_text("tasks: {find_duplicates: {enabled: true}}\n")
        assert toolbox.run("find_duplicates", {"texts": ["a b", "A b"]})["duplicates"] == 1
        with pytest.raises(InvalidArguments, match=r"`pairs\[0\]` has no `same`; add it"):
            toolbox.run("find_duplicates", {"texts": ["a"], "pairs": [{"a": "x", "b": "y"}, {"a": "x", "b": "y"}]})


def test_pairs_stand_in_an_entry(home: Path) -> None:
    (home / "instructions.yaml").write_text(
        "tasks:\n  find_duplicates:\n    extends: packaged\n    enabled: true\n"
        "    pairs: [{a: x, b: y, same: true}, {a: x, b: z, same: false}]\n"
    )
    registry = Registry.load(Settings.load(home))
    assert registry.problem is None
    task = registry.get("find_duplicates")
    assert isinstance(task, DedupeTask)
    assert len(task.pairs) == 2
