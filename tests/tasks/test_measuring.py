"""`tasks evaluate` and `tasks tune`: every form of labelled data, and what is written when it is applied."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from openclaw_instructor.testing import WordEngine
from tests.conftest import Command

TASKS = """\
# mine
tasks:
  sort_notes:
    kind: classify
    description: d
    instruction: "Represent the note:"  # short
    abstain_below: 0.9
    labels:
      - {name: home, description: zebra, examples: [the roof leaks]}
      - {name: work, description: yacht, examples: [the report is due]}
"""
HOME = ["roof tiles broken", "garden gate rusty", "kitchen tap dripping", "cellar window cracked", "attic stairs loose"]
WORK = ["budget meeting moved", "invoice draft attached", "quarterly figures missing", "contract clause unclear"]


@pytest.fixture(autouse=True)
def _own_task(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "instructions.yaml").write_text(TASKS)
    monkeypatch.setattr("openclaw_instructor.engine.Engine", lambda settings: WordEngine())


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Texts of which each word of a topic occurs with every other, so that they can be learned."""
    rows = []
    for label, texts in (("home", HOME), ("Work", WORK)):
        words = " ".join(texts).split()
        rows += [{"text": f"{a} and {b}", "label": label} for a in words[:6] for b in words[:6] if a < b]
    rows += [{"text": "the roof  LEAKS", "label": "home"}, {"text": "x", "label": "garden"}, {"text": "y", "label": ""}]
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_evaluate(command: Command, data: Path) -> None:
    result = command("tasks", "evaluate", "sort_notes", str(data), "--json").json
    assert result["count"] == 30
    assert {row["label"]: row["count"] for row in result["labels"]} == {"home": 15, "work": 15}
    assert {(row["reason"], row["count"]) for row in result["left_out"]} == {
        ("is an example or a correction of the task", 1),
        ("its label `garden` is none of the task's", 1),
        ("has no label", 1),
    }
    assert result["accuracy"] == pytest.approx(1 - len(result["mistakes"]) / 30, abs=0.35)
    for mistake in result["mistakes"]:
        assert mistake["truth"] != mistake["answered"]
        assert {each["label"] for each in mistake["nearest"]} == {"home", "work"}
    printed = command("tasks", "evaluate", "sort_notes", str(data))
    assert "macro-F1" in printed.out
    assert "note: 1 left out: has no label" in printed.err


@pytest.mark.parametrize("form", ["folders", "mboxes", "csv"])
def test_forms_of_data(command: Command, tmp_path: Path, form: str) -> None:
    for label, texts in (("home", HOME), ("work", WORK)):
        for number, text in enumerate(texts):
            if form == "folders":
                (tmp_path / "data" / label).mkdir(parents=True, exist_ok=True)
                (tmp_path / "data" / label / f"{number}.txt").write_text(text)
            elif form == "mboxes":
                (tmp_path / "data").mkdir(exist_ok=True)
                with (tmp_path / "data" / f"{label}.mbox").open("a") as box:
                    box.write(f"From x Mon\nSubject: {text}\n\nbody\n\n")
            else:
                with (tmp_path / "data").with_suffix(".csv").open("a") as table:
                    table.write("kind,note\n" if table.tell() == 0 else "")
                    table.write(f"{label},{text}\n")
    path = (tmp_path / "data").with_suffix(".csv") if form == "csv" else tmp_path / "data"
    columns = ["--column", "label=kind", "--column", "text=note"] if form == "csv" else []
    assert command("tasks", "evaluate", "sort_notes", str(path), *columns, "--json").json["count"] == 9


def test_data_that_is_no_use(command: Command, tmp_path: Path, data: Path) -> None:
    (tmp_path / "plain.csv").write_text("text\nhello\n")
    assert "no column holds labels" in command("tasks", "evaluate", "sort_notes", str(tmp_path / "plain.csv")).err
    (tmp_path / "other.csv").write_text("text,label\nhello,garden\n")
    said = command("tasks", "evaluate", "sort_notes", str(tmp_path / "other.csv")).err
    assert "its label `garden` is none of the task's (1). Labels are home, work" in said
    assert "is not there" in command("tasks", "evaluate", "sort_notes", str(tmp_path / "none")).err
    assert "too few" in command("tasks", "tune", "sort_notes", str(_head(data, 8))).err
    assert "only tasks of kind classify" in command("tasks", "tune", "search_docs", str(data)).err


def _head(data: Path, count: int) -> Path:
    path = data.with_name("head.jsonl")
    path.write_text("".join(data.read_text().splitlines(keepends=True)[:count]))
    return path


def test_tune_changes_nothing_unless_told_to(command: Command, home: Path, data: Path) -> None:
    result = command("tasks", "tune", "sort_notes", str(data), "--instruction", "Represent it:", "--json").json
    assert [row["now"] for row in result["setups"]].count(True) == 1
    assert [row["winner"] for row in result["setups"]].count(True) == 1
    assert {row["instruction"] for row in result["setups"]} >= {"Represent the note:", "Represent it:"}
    taught = max(result["setups"], key=lambda row: row["macro_f1"])
    assert taught["taught"], "words that occur in training tell the topic of others"
    assert (home / "instructions.yaml").read_text() == TASKS
    assert not (home / "corrections.db").exists()
    assert "nothing was changed; --apply" in command("tasks", "tune", "sort_notes", str(data)).err


def test_apply_writes_what_won(command: Command, home: Path, data: Path) -> None:
    result = command("tasks", "tune", "sort_notes", str(data), "--apply", "--json").json
    winner = next(row for row in result["setups"] if row["winner"])
    assert winner["taught"]
    written = (home / "instructions.yaml").read_text()
    entry = yaml.safe_load(written)["tasks"]["sort_notes"]
    assert entry["abstain_below"] == result["abstain_below"]["best"] != 0.9
    assert entry["instruction"] == winner["instruction"]
    assert entry.get("descriptions", True) == winner["descriptions"]
    assert written.startswith("# mine\n")
    assert "# short" in written
    assert command("tasks", "check").status == 0
    corrections = command("tasks", "corrections", "list", "--json").json
    assert corrections["in_force"] == 30
    assert {each["source"] for each in corrections["corrections"]} == {"tune"}
    assert "unusable" not in command("tasks", "show", "sort_notes").err
