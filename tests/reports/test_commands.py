"""`--report` with the commands that measure something: real commands that write real files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import lxml.html
import pytest

from openclaw_instructor.testing import WordEngine
from tests.conftest import Command
from tests.evaluate import sets

HOSTILE = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(2)>'
TASKS = f"""\
tasks:
  sort_notes:
    kind: classify
    description: d
    instruction: "Represent the note:"
    abstain_below: 0.5
    labels:
      - {{name: '{HOSTILE}', examples: [the roof leaks]}}
      - {{name: work, examples: [the report is due]}}
"""


@pytest.fixture
def words(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "instructions.yaml").write_text(TASKS)
    monkeypatch.setattr("openclaw_instructor.engine.Engine", lambda settings: WordEngine())


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = [{"text": f"roof tile {number} {IMAGE}", "label": HOSTILE} for number in range(12)]
    rows += [{"text": f"report budget {number}", "label": "work"} for number in range(12)]
    rows += [{"text": "the roof roof", "label": "work"}, {"text": "x", "label": IMAGE}]
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def page(path: Path) -> Any:
    """The page, parsed; fails where a text of the data has become markup."""
    tree = lxml.html.document_fromstring(path.read_bytes())
    assert not tree.xpath("//script | //img | //iframe | //link")
    assert not tree.xpath("//@src | //@href | //@onerror | //@style")
    return tree


def table(tree: Any, title: str) -> list[list[str]]:
    (found,) = tree.xpath("//table[caption=$title]", title=title)
    return [[cell.text_content() for cell in row.xpath("th|td")] for row in found.xpath(".//tr")]


@pytest.mark.usefixtures("words")
def test_the_report_of_an_evaluation_has_the_numbers_of_the_json(command: Command, data: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    done = command("tasks", "evaluate", "sort_notes", str(data), "--report", str(report), "--json")
    assert done.status == 0
    assert f"wrote {report}" in done.err
    result, tree = done.json, page(report)
    shown = tree.text_content()
    for text in (HOSTILE, IMAGE, str(data), result["checkpoint"], "Represent the note:"):
        assert text in shown
    curve = [[f"{row['coverage']:.0%}", f"{row['accuracy']:.3f}", f"{row['from_score']:.3f}"]
             for row in result["by_coverage"]]  # fmt: skip
    assert table(tree, "Accuracy by coverage")[1:] == curve
    bins = [[str(row["count"]), f"{row['mean_score']:.3f}", f"{row['accuracy']:.3f}"] for row in result["reliability"]]
    assert [row[1:] for row in table(tree, "Reliability")[1:]] == bins
    labels = {row["label"]: row for row in result["labels"]}
    assert {row[0]: (row[1], row[2]) for row in table(tree, "By label")[1:]} == {
        name: (str(row["count"]), str(row["right"])) for name, row in labels.items()
    }
    confusions = table(tree, "Confusions")
    assert confusions[0][1:] == [row[0] for row in confusions[1:]]
    assert sum(int(cell) for row in confusions[1:] for cell in row[1:] if cell != "·") == result["count"]
    assert len(table(tree, "The surest of the wrong answers")[1:]) == len(result["mistakes"]) > 0
    assert len(tree.xpath("//svg/title")) == 2


@pytest.mark.usefixtures("words")
@pytest.mark.parametrize("option", ["--report", "--plot"])
def test_an_evaluation_as_a_picture(command: Command, data: Path, tmp_path: Path, option: str) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "report.png"
    assert command("tasks", "evaluate", "sort_notes", str(data), option, str(picture)).status == 0
    content = picture.read_bytes()
    assert content.startswith(b"\x89PNG")
    assert int.from_bytes(content[16:20], "big") == 1_320


@pytest.mark.usefixtures("words")
def test_the_report_of_tuning_shows_what_was_tried(command: Command, data: Path, tmp_path: Path) -> None:
    report = tmp_path / "tuned.html"
    done = command("tasks", "tune", "sort_notes", str(data), "--report", str(report), "--json")
    assert done.status == 0
    tree, setups = page(report), done.json["setups"]
    shown = table(tree, "Setups")
    assert [row[4] for row in shown[1:]] == [f"{row['macro_f1']:.3f}" for row in setups]
    assert {row[0] for row in shown[1:]} <= {"now", "best", "now and best", ""}
    assert [row[0] for row in table(tree, "By threshold")[1:]] == [
        f"{row['abstain_below']:.2f}" for row in done.json["thresholds"]
    ]
    assert "nothing was changed" in tree.text_content()
    assert HOSTILE in tree.text_content()


@pytest.mark.usefixtures("words")
def test_the_report_of_the_index_says_what_is_in_it_and_what_is_not(command: Command, tmp_path: Path) -> None:
    folder, report = tmp_path / "notes", tmp_path / "index.html"
    folder.mkdir()
    (folder / "garlic.md").write_text("# Garlic\n\nPlant the cloves before the ground freezes, and water them.\n")
    (folder / "zwiebel.txt").write_text(
        "Die Zwiebeln sind nicht für den Winter und wir haben sie mit der Hand gesetzt.\n"
    )
    (folder / "<img src=x onerror=alert(1)>.md").write_text("# Hostile\n\nSome text is here for the reader.\n")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 broken")
    (folder / "empty.txt").write_text("")
    added = command("index", "add", "docs", str(folder), "--report", str(report), "--json")
    assert added.status == 0
    tree = page(report)
    assert table(tree, "What the sync did")[1][:2] == ["docs", str(added.json["collections"][0]["added"])]
    formats = {row[0]: row[1] for row in table(tree, "Formats")[1:]}
    assert formats == {"Markdown": "2", "text": "2", "pdf": "1"}
    languages = {row[0]: row[1] for row in table(tree, "Languages")[1:]}
    assert languages == {"English": "2", "German": "1"}
    left_out = {row[0].rpartition("/")[2]: row[1:] for row in table(tree, "Files that are not indexed as they are")[1:]}
    assert left_out["broken.pdf"][0] == "unreadable"
    assert left_out["empty.txt"] == ["empty", "read, and holds no text"]
    assert "<img src=x onerror=alert(1)>.md" in tree.text_content()

    (folder / "garlic.md").unlink()
    assert command("index", "status", "--report", str(report)).status == 0
    assert "a sync is due for docs" in page(report).text_content()
    assert command("index", "sync", "docs", "--report", str(report)).status == 0
    assert "all is up to date" in page(report).text_content()


def test_the_report_of_checkpoints_has_todays_table(command: Command, tiny_checkpoint: Path, tmp_path: Path) -> None:
    folder = sets.write(tmp_path / "data")
    report = tmp_path / "scores.html"
    kinds = ["--kind", "sts", "--kind", "retrieval", "--kind", "classification"]
    arguments = [str(folder), "--checkpoint", str(tiny_checkpoint), *kinds, "--json", "--report", str(report)]
    done = command("evaluate", *arguments)
    assert done.status == 0, done.err
    tree = page(report)
    scores = {row[0]: row[2] for row in table(tree, "Scores x 100")[1:]}
    for row in done.json["results"]:
        if row["mode"] != "bm25" and row["score"] is not None:
            name = f"{row['dataset']} [{row['mode']}]" if row["mode"] else row["dataset"]
            assert scores[name] == f"{100 * row['score']:.1f}"
    assert str(folder) in tree.text_content()
    assert len(tree.xpath("//svg")) == 5


def test_a_report_that_cannot_be_written_is_said_before_anything_is_measured(command: Command) -> None:
    for arguments in (
        ["tasks", "evaluate", "classify_email", "none.csv"],
        ["tasks", "tune", "classify_email", "none.csv"],
        ["index", "add", "docs", "none"],
        ["index", "sync"],
        ["index", "status"],
        ["evaluate", "none"],
    ):
        done = command(*arguments, "--report", "report.pdf")
        assert done.status == 2
        assert done.out == ""
        assert ".html or .png" in done.err
        assert done.err.count("\n") == 1


def test_help_loads_nothing_heavy() -> None:
    code = "import sys; from openclaw_instructor.cli import main\ntry: main()\nexcept SystemExit: print(*sys.modules)"
    for command in (["tasks", "evaluate"], ["tasks", "tune"], ["index", "sync"], ["evaluate"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *command, "--help"], capture_output=True, text=True, timeout=300, check=True
        )
        assert "--report" in done.stdout
        assert not set(done.stdout.split()) & {"torch", "numpy", "matplotlib"}
