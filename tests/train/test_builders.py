from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from openclaw_instructor.errors import InvalidData
from openclaw_instructor.train import builders, medi
from openclaw_instructor.train.prepare import Wording, prepare
from tests.evaluate.sets import jsonl


def table(vectors: Mapping[str, Sequence[float]]) -> builders.Embed:
    def embed(texts: Sequence[str]) -> Any:
        found = np.array([vectors[text] for text in texts], dtype=np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    return embed


def test_pairs_keep_their_sides_and_negatives() -> None:
    rows = [{"a": "how?", "b": "so", "neg": "not so"}, {"a": "why?", "b": "because"}]
    one, two = builders.pairs(rows, "Ask:", "Answer:  ", "faq")
    assert one == {
        "query": ["Ask: ", "how?"],
        "pos": ["Answer: ", "so"],
        "neg": [["Answer: ", "not so"]],
        "task_id": "faq",
    }
    assert "neg" not in two
    assert medi.parse(one, "").negatives == (("Answer: ", "not so"),)


def test_labelled_texts_pair_within_a_label_against_another() -> None:
    label_of = {f"{label}{i}": label for label in ("x", "y", "z") for i in range(4)} | {"alone": "w"}
    rows = [{"text": text, "label": label} for text, label in label_of.items()]
    records = list(builders.labelled(rows, "Sort:", rounds=3))
    assert len(records) == 3 * 12
    for record in records:
        query, positive, negative = record["query"][1], record["pos"][1], record["neg"][1]
        assert label_of[query] == label_of[positive] == record["label"]
        assert query != positive
        assert label_of[negative] == record["neg_label"] != record["label"]
        assert query != "alone"
    assert {record["neg"][1] for record in records} >= {"alone"}


def test_labels_that_cannot_be_told_apart_are_refused() -> None:
    with pytest.raises(InvalidData, match="two labels"):
        list(builders.labelled([{"text": "a", "label": "x"}, {"text": "b", "label": "x"}]))
    with pytest.raises(InvalidData, match="two labels"):
        list(builders.labelled([{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]))


def test_classification_tasks_pair_the_most_alike_inputs_by_output() -> None:
    angles = {"a": 0.0, "b": 0.3, "c": 0.1, "d": 1.5, "e": 0.9, "f": 1.4, "g": 1.2, "h": 2.0, "i": 2.2, "j": 2.4}
    outputs = dict(zip(angles, "YYNYNNYYNN", strict=True))
    embed = table({text: (np.cos(angle), np.sin(angle)) for text, angle in angles.items()})
    rows = [{"task": "t", "category": "Toxic_Language Detection", "input": t, "output": outputs[t]} for t in angles]
    records = {record["query"][1]: record for record in builders.instruction_data(rows, embed)}
    assert len(records) == 10
    # c is nearer to a than b is, but of the other output.
    assert (records["a"]["pos"][1], records["a"]["neg"][1]) == ("b", "c")
    assert records["a"]["query"][0] == "Represent the text for toxic language detection: "
    assert (records["a"]["label"], records["a"]["neg_label"]) == ("Y", "N")


def test_generation_tasks_pair_by_alike_outputs_and_unlike_inputs() -> None:
    vectors = {
        "q1": (1.0, 0.0), "q2": (0.0, 1.0), "q3": (0.98, 0.2), "q4": (-1.0, 0.1),
        "o1": (1.0, 0.0), "o2": (0.99, 0.1), "o3": (0.0, 1.0), "o4": (-1.0, 0.0),
    }  # fmt: skip
    rows = [{"task": "t", "input": f"q{i}", "output": f"o{i}"} for i in range(1, 5)]
    records = {record["query"][1]: record for record in builders.instruction_data(rows, table(vectors))}
    assert (records["q1"]["pos"][1], records["q1"]["neg"][1]) == ("q2", "q3")
    assert "label" not in records["q1"]


def test_tasks_of_one_file_never_mix() -> None:
    rows = [{"task": f"t{i // 6}", "input": f"{i}", "output": "yes" if i % 2 else "no"} for i in range(24)]
    vectors = {str(i): (np.cos(i), np.sin(i)) for i in range(24)} | {"yes": (1.0, 0.0), "no": (0.0, 1.0)}
    for record in builders.instruction_data(rows, table(vectors)):
        numbers = [int(record[side][1]) // 6 for side in ("query", "pos", "neg")]
        assert {f"t{number}" for number in numbers} == {record["task_id"]}


def test_few_often_used_outputs_make_a_classification() -> None:
    assert builders.is_classification(["yes", "no"] * 10)
    assert not builders.is_classification([f"answer {i}" for i in range(20)])
    assert not builders.is_classification(["yes", "no", "yes"])


def test_files_of_any_form_are_prepared_once(tmp_path: Path) -> None:
    def no_embedder() -> builders.Embed:
        raise AssertionError("nothing here needs one")

    files = [
        jsonl(tmp_path / "faq.jsonl", [{"a": "how?", "b": "so"}]),
        jsonl(tmp_path / "topics.jsonl.gz", [{"text": t, "label": t[0]} for t in ("x1", "x2", "y1", "y2")]),
        jsonl(tmp_path / "ready.jsonl", [{"query": ["i", "q"], "pos": ["i", "p"]}]),
    ]
    made = prepare(files, tmp_path / "work", Wording(query="Ask:"), no_embedder)
    data = medi.MediData(made, tmp_path / "work")
    assert data[0].query == ("Ask: ", "how?")
    assert data[1].query == ("Represent the text for classification: ", "x1")
    assert len(data) == 1 + 4 + 1
    data.close()
    stamps = [path.stat().st_mtime_ns for path in made]
    assert [
        path.stat().st_mtime_ns for path in prepare(files, tmp_path / "work", Wording(query="Ask:"), no_embedder)
    ] == stamps
    assert prepare(files, tmp_path / "work", Wording(query="Other:"), no_embedder)[0] != made[0]


def test_instruction_data_is_paired_anew_by_another_embedder(tmp_path: Path) -> None:
    vectors = {"q0": (1.0, 0.0), "q1": (0.9, 0.1), "q2": (0.0, 1.0)} | {f"o{i}": (0.1, i + 0.2) for i in range(3)}
    rows = [{"task": "t", "input": f"q{i}", "output": f"o{i}"} for i in range(3)]
    files = [jsonl(tmp_path / "tasks.jsonl", rows), jsonl(tmp_path / "faq.jsonl", [{"a": "how?", "b": "so"}])]
    one, other, same = (
        prepare(files, tmp_path / "work", Wording(), lambda: table(vectors), embedder_name=name)
        for name in ("one", "other", "one")
    )
    assert one == same
    assert one[0] != other[0]
    assert one[1] == other[1], "pairs need no embedder"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"text": None, "label": "a"}, "field `text` is null"),
        ({"a": "question", "b": 5}, "field `b` is 5"),
        ({"a": "question", "b": "answer", "neg": 5}, "field `neg` is 5"),
        ({"task": "t", "input": ["x"], "output": "y"}, "field `input` is"),
    ],
)
def test_a_value_that_is_no_text_is_named_where_it_stands(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    path = jsonl(tmp_path / "rows.jsonl", [row])
    with pytest.raises(InvalidData, match=rf"rows\.jsonl:1: {said}"):
        prepare([path], tmp_path / "data", Wording(), lambda: table({}))


def test_a_file_of_no_known_form_is_refused(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "some.jsonl", [{"words": 1}])
    with pytest.raises(InvalidData, match=r"text, label"):
        prepare([path], tmp_path, Wording(), lambda: table({}))


def test_the_command_writes_records_of_all_files(
    tmp_path: Path, tiny_checkpoint: Path, command: Callable[..., Any]
) -> None:
    faq = jsonl(tmp_path / "faq.jsonl", [{"a": "how?", "b": "so"}, {"a": "why?", "b": "because"}])
    rows = [{"task": "t", "input": f"in {i}", "output": f"out {i * i}"} for i in range(6)]
    tasks = jsonl(tmp_path / "tasks.jsonl", rows)
    built = tmp_path / "built.jsonl.gz"
    output = command("train", str(faq), str(tasks), "--build", str(built), "--embedder", str(tiny_checkpoint), "--json")
    assert output.status == 0
    data = medi.MediData([built], tmp_path / "work")
    assert output.json["records"] == len(data) > 4
    assert set(data.tasks) == {"faq", "t"}
    data.close()
