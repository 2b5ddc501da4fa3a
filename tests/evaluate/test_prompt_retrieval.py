"""The choice of in-context examples, on angles in a plane."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from openclaw_instructor.errors import InvalidArguments, InvalidData
from openclaw_instructor.evaluate import evaluate
from tests.conftest import Command
from tests.evaluate import sets
from tests.evaluate.planes import Planes

POOL = [
    {"input": "0 red door", "output": "east"},
    {"input": "10 red roof", "output": "east"},
    {"input": "20 old bridge", "output": "north"},
    {"input": "90 red tower", "output": "north"},
]
TESTS = [{"input": "4 red bridge", "output": "east"}, {"input": "80 tower", "output": "north"}]


def write(folder: Path) -> Path:
    sets.jsonl(folder / "routes/pool.jsonl", POOL)
    sets.jsonl(folder / "routes/test.jsonl", TESTS)
    return folder


def test_the_nearest_examples_are_chosen(tmp_path: Path) -> None:
    (result,) = evaluate(write(tmp_path), [Planes()], shots=2).results
    assert (result.kind, result.main) == ("prompt-retrieval", "label_agreement")
    # The first gets 0 and 10, both east; the second gets 90 and 20, both north.
    assert result.metrics["label_agreement"] == result.metrics["vote_accuracy"] == 1.0
    # Of "4 red bridge" they have "red"; of "80 tower" they have "tower".
    assert result.metrics["coverage"] == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert result.metrics["output_coverage"] == 1.0
    assert "accuracy" not in result.metrics


def test_with_three_one_disagrees(tmp_path: Path) -> None:
    (result,) = evaluate(write(tmp_path), [Planes()], shots=3).results
    # 0, 10 and 20 for the first, 90, 20 and 10 for the second.
    assert result.metrics["label_agreement"] == pytest.approx(2 / 3)
    assert result.metrics["vote_accuracy"] == 1.0
    assert result.metrics["coverage"] == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_an_input_is_no_example_of_itself(tmp_path: Path) -> None:
    sets.jsonl(tmp_path / "routes/pool.jsonl", POOL)
    sets.jsonl(tmp_path / "routes/test.jsonl", [POOL[2]])
    (result,) = evaluate(tmp_path, [Planes()], shots=1).results
    assert result.metrics["label_agreement"] == 0.0


def test_outputs_that_are_no_labels_have_no_agreement(tmp_path: Path) -> None:
    sets.jsonl(tmp_path / "routes/pool.jsonl", [row | {"output": row["input"][::-1]} for row in POOL])
    sets.jsonl(tmp_path / "routes/test.jsonl", TESTS)
    row = evaluate(tmp_path, [Planes()]).as_dict()["results"][0]
    assert row["score"] is None
    assert set(row["metrics"]) == {"coverage", "output_coverage"}


def test_a_language_model_answers_the_prompts(tmp_path: Path) -> None:
    asked: list[str] = []

    def complete(prompts: Sequence[str]) -> list[str]:
        asked.extend(prompts)
        return [" east\n"] * len(prompts)

    (result,) = evaluate(write(tmp_path), [Planes()], shots=2, complete=complete).results
    assert asked[0] == "10 red roof\neast\n\n0 red door\neast\n\n4 red bridge\n"
    assert result.metrics["accuracy"] == 0.5


def test_a_program_answers_too(tmp_path: Path, command: Command, tiny_checkpoint: Path) -> None:
    program = tmp_path / "model.py"
    program.write_text('import sys\nfor line in sys.stdin:\n    print(\'{"completion": "north"}\')\n')
    arguments = ("evaluate", str(write(tmp_path / "data")), "--checkpoint", str(tiny_checkpoint), "--json")
    done = command(*arguments, "--complete", f"{sys.executable} {program}")
    assert done.json["results"][0]["metrics"]["accuracy"] == 0.5
    program.write_text("print('north')")
    assert "wrote a line that is not" in command(*arguments, "--complete", f"{sys.executable} {program}").err
    program.write_text("raise SystemExit(3)")
    assert "status 3" in command(*arguments, "--complete", f"{sys.executable} {program}").err
    assert "cannot be started" in command(*arguments, "--complete", str(tmp_path / "none")).err


def test_mistakes_are_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidArguments, match="at least one example"):
        evaluate(write(tmp_path), [Planes()], shots=0)
    sets.jsonl(tmp_path / "routes/pool.jsonl", [{"input": "x"}])
    with pytest.raises(InvalidData, match="field `output` is missing"):
        evaluate(tmp_path, [Planes()])
