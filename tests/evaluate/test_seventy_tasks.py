"""The page of the seventy tasks is whole, and its commands make what `evaluate` reads."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from openclaw_instructor.errors import InvalidData
from openclaw_instructor.evaluate import billboard, evaluate, prompts
from openclaw_instructor.evaluate.instructions import Instructions
from tests.console import ROOT
from tests.evaluate import sets
from tests.evaluate.planes import Planes

PAGE = (ROOT / "docs/seventy-tasks.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([\w-]+)` \|", PAGE, re.MULTILINE)


def test_the_page_has_all_seventy() -> None:
    assert len(ROWS) == len(set(ROWS)) == 70


def test_mteb_has_the_tasks_of_the_page() -> None:
    pytest.importorskip("mteb")
    from openclaw_instructor.evaluate.mteb_model import english_tasks

    assert len(english_tasks(ROWS[:56])) == 56


def test_every_task_of_mteb_has_an_instruction() -> None:
    packaged = Instructions.load(None)
    assert all(packaged.of(name, "retrieval", "query") or packaged.of(name, "sts", "text") for name in ROWS)


def test_billboards_files_become_a_set(tmp_path: Path) -> None:
    references = sets.jsonl(
        tmp_path / "refs.jsonl", [{"seg_id": "a", "refs": ["0", "90"]}, {"seg_id": 2, "refs": ["0"]}]
    )
    scored = [("a", "80", 4.5), ("a", "45", 1.0), (2, "30", 2.0)]
    path = sets.jsonl(
        tmp_path / "mscoco_THumB-1.0.jsonl", [{"seg_id": s, "hyp": h, "human_score": v} for s, h, v in scored]
    )
    billboard.main([str(references), str(path), str(tmp_path / "out")])
    (result,) = evaluate(tmp_path / "out", [Planes()]).results
    # The closest references are 10, 45 and 30 degrees away.
    assert result.dataset == "mscoco_THumB-1.0"
    assert result.score == pytest.approx(1.0)
    assert result.used == {"text": "Represent the caption: "}
    sets.jsonl(path, [{"seg_id": "b", "hyp": "x", "human_score": 1}])
    with pytest.raises(InvalidData, match="`seg_id` 'b' is not in"):
        billboard.convert(references, path, tmp_path / "out")


def test_rows_of_any_fields_become_prompts(tmp_path: Path) -> None:
    rows = [{"angle": angle, "label": int(angle > 45)} for angle in range(0, 90, 10)]
    train, test = sets.jsonl(tmp_path / "train.jsonl", rows), sets.jsonl(tmp_path / "test.jsonl", rows[1:3])
    out = tmp_path / "out/angles"
    arguments = ["--input", "{angle} degrees", "--output", "{label}", "--labels", "0=flat", "1=steep"]
    prompts.main([str(train), str(test), str(out), *arguments, "--pool-size", "5"])
    made = [json.loads(line) for line in (out / "pool.jsonl").read_text().splitlines()]
    assert len(made) == 5
    assert all((int(row["input"].split()[0]) > 45) == (row["output"] == "steep") for row in made)
    assert evaluate(tmp_path / "out", [Planes()], shots=1).results[0].kind == "prompt-retrieval"
    with pytest.raises(InvalidData, match="cannot be filled"):
        prompts.main([str(train), str(test), str(out), "--input", "{slope}", "--output", "{label}"])


def test_one_file_gives_pool_and_test_apart(tmp_path: Path) -> None:
    path = tmp_path / "task.json"
    path.write_text(json.dumps({"Instances": [{"input": str(n), "output": [f"o{n}"]} for n in range(10)]}))
    out = tmp_path / "out"
    prompts.main([str(path), str(path), str(out), "--input", "{input}", "--output", "{output[0]}", "--test-size", "4"])
    rows = {name: (out / f"{name}.jsonl").read_text().splitlines() for name in ("pool", "test")}
    inputs = {name: {json.loads(line)["input"] for line in lines} for name, lines in rows.items()}
    assert (len(inputs["pool"]), len(inputs["test"])) == (6, 4)
    assert not inputs["pool"] & inputs["test"]
    path.write_text("3")
    with pytest.raises(InvalidData, match="a list of objects"):
        prompts.rows_of(path)


def test_the_commands_of_the_page_can_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    """Each line is parsed; what it names is not there, so it ends with the file that is missing."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if ".prompts" in line]
    assert lines
    for line in lines:
        words = shlex.split(line)
        with pytest.raises(InvalidData, match="cannot be read"):
            prompts.main(words[words.index("openclaw_instructor.evaluate.prompts") + 1 :])
