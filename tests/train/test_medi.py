from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from openclaw_instructor.errors import InvalidData
from openclaw_instructor.train import medi
from openclaw_instructor.train.medi import MediData, Plan
from tests.evaluate.sets import jsonl
from tests.train import toy


@pytest.mark.parametrize("name", ["plain.jsonl", "packed.jsonl.gz", "array.json", "array.json.gz"])
def test_every_container_gives_the_same_records(tmp_path: Path, name: str) -> None:
    rows = toy.records(9)
    rows[4]["query"][1] = 'naïve 東京 ] , [ \\ " 🧭'
    path = tmp_path / name
    text = json.dumps(rows, indent=2) if ".json" in name and "jsonl" not in name else "\n".join(map(json.dumps, rows))
    path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    data = MediData([path], tmp_path / "work")
    assert len(data) == 9
    assert [data[i].query[1] for i in (8, 4, 0)] == [rows[i]["query"][1] for i in (8, 4, 0)]
    assert data[0].negatives == (tuple(rows[0]["neg"]),)
    assert data[1].negatives == ()
    assert sorted(data.tasks) == ["0", "1"]
    data.close()


def test_an_array_larger_than_a_block_is_read_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(medi, "_BLOCK", 61)
    rows = toy.records(7)
    rows[3]["query"][1] = "é" * 100
    (tmp_path / "a.json").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    data = MediData([tmp_path / "a.json"], tmp_path / "work")
    assert [data[i].query[1] for i in range(7)] == [row["query"][1] for row in rows]
    data.close()


def test_tasks_of_several_files_are_one_list(tmp_path: Path) -> None:
    one = jsonl(tmp_path / "one.jsonl", [row | {"task_id": "a"} for row in toy.records(3)])
    two = jsonl(tmp_path / "two.jsonl", [row | {"task_id": "ba"[i % 2]} for i, row in enumerate(toy.records(4))])
    data = MediData([one, two], tmp_path / "work")
    assert [data.tasks[i] for i in data.task_of] == ["a", "a", "a", "b", "a", "b", "a"]
    data.close()


def test_the_index_is_kept_until_the_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = toy.data(tmp_path)
    MediData([path], tmp_path / "work").close()
    with monkeypatch.context() as patch:
        patch.setattr(medi, "parse", None)
        MediData([path], tmp_path / "work").close()
    toy.data(tmp_path, count=30)
    data = MediData([path], tmp_path / "work")
    assert len(data) == 30
    data.close()


def test_several_positives_and_negatives_are_read() -> None:
    row = {"query": ["i", "q"], "pos": [["i", "p1"], ["i", "p2"]], "neg": [["i", "n1"], ["i", "n2"]], "task_id": 1}
    record = medi.parse(row, "here")
    assert record.positives == (("i", "p1"), ("i", "p2"))
    assert record.negatives == (("i", "n1"), ("i", "n2"))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"query": ["i", "q"]}, "`query` or `pos` is missing"),
        ({"query": "q", "pos": ["i", "p"]}, "is not an .instruction, text. pair"),
        ({"query": ["i", "q"], "pos": []}, "`pos` is empty"),
        ({"query": ["i", 3], "pos": ["i", "p"]}, "is not an .instruction, text. pair"),
    ],
)
def test_a_malformed_record_is_named_by_file_and_line(tmp_path: Path, row: dict[str, object], said: str) -> None:
    path = jsonl(tmp_path / "some.jsonl", [toy.records(1)[0], row])
    with pytest.raises(InvalidData, match=rf"some\.jsonl:2: .*{said}"):
        MediData([path], tmp_path / "work")


def test_a_cut_file_is_said_to_be_broken(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(toy.records(5))[:-30])
    with pytest.raises(InvalidData, match="cut off"):
        MediData([tmp_path / "a.json"], tmp_path / "work")
    packed = jsonl(tmp_path / "b.jsonl.gz", toy.records(200))
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(InvalidData, match="cannot be read"):
        MediData([packed], tmp_path / "work")
    assert not list((tmp_path / "work").glob("*.jsonl"))


def test_a_batch_is_of_one_task_and_an_epoch_holds_every_record_once() -> None:
    task_of = np.array([0] * 10 + [1] * 7 + [2])
    plan = Plan(task_of, 4, seed=3)
    assert plan.steps_per_epoch == 3 + 2 + 1
    for epoch in (0, 1):
        batches = [plan.batch(epoch * plan.steps_per_epoch + step) for step in range(plan.steps_per_epoch)]
        assert all(len(set(task_of[batch])) == 1 for batch in batches)
        assert sorted(np.concatenate(batches)) == list(range(18))


def test_the_plan_depends_on_seed_and_step_alone() -> None:
    task_of = np.arange(40) % 3
    one, other = Plan(task_of, 4, seed=1), Plan(task_of, 4, seed=1)
    later = [one.batch(step) for step in range(30)][27]
    assert np.array_equal(later, other.batch(27))
    assert not np.array_equal(one.batch(0), Plan(task_of, 4, seed=2).batch(0))
    first = np.concatenate([one.batch(step) for step in range(one.steps_per_epoch)])
    second = np.concatenate([one.batch(one.steps_per_epoch + step) for step in range(one.steps_per_epoch)])
    assert not np.array_equal(first, second)
