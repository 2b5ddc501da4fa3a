"""An entry that extends another says only what is different."""

from __future__ import annotations

from pathlib import Path

import pytest

from openclaw_instructor.registry import Registry, check
from openclaw_instructor.registry.kinds.classify import ClassifyTask
from openclaw_instructor.settings import Settings


def classify_task(home: Path, entry: str, name: str = "classify_email") -> ClassifyTask:
    path = home / "instructions.yaml"
    path.write_text(f"tasks:\n  {name}:\n{entry}")
    assert check(path) == []
    task = Registry.load(Settings.load(home)).get(name)
    assert isinstance(task, ClassifyTask)
    return task


def packaged(home: Path) -> ClassifyTask:
    task = Registry.load(Settings.load(home)).get("classify_email")
    assert isinstance(task, ClassifyTask)
    return task


def test_labels_and_examples_are_added_and_dropped(home: Path) -> None:
    before = {label.name: label for label in packaged(home).labels}
    first = before["billing"].examples[0]
    task = classify_task(
        home,
        f"""\
    extends: packaged
    abstain_below: 0.2
    labels:
      - name: Notification
        examples: ["Undelivered Mail Returned to Sender."]
      - name: pets
        description: Cats and dogs.
      - {{name: sales, enabled: false}}
      - name: billing
        description: Money.
        without: ["{first[:20]}"]
""",
    )
    after = {label.name: label for label in task.labels}
    assert list(after) == [*[name for name in before if name != "sales"], "pets"]
    assert after["notification"].examples == (
        *before["notification"].examples,
        "Undelivered Mail Returned to Sender.",
    )
    assert after["billing"].description == "Money."
    assert after["billing"].examples == before["billing"].examples[1:]
    assert after["work"] == before["work"]
    assert (task.abstain_below, task.description) == (0.2, packaged(home).description)


def test_evidence_for_a_dropped_label_goes_with_it(home: Path) -> None:
    task = classify_task(home, "    extends: packaged\n    labels: [{name: spam, enabled: false}]\n")
    assert task.evidence["suspicious"] == ("phishing",)
    assert classify_task(home, "    extends: packaged\n    evidence: {}\n").evidence == {}


def test_another_task_may_be_extended_under_a_new_name(home: Path) -> None:
    task = classify_task(home, "    extends: classify_email\n    description: Sort the club's post.\n", "sort_post")
    assert task.labels == packaged(home).labels
    assert task.description == "Sort the club's post."


def test_an_entry_may_show_a_task_that_is_off(home: Path, tmp_path: Path) -> None:
    base = tmp_path / "packaged.yaml"
    base.write_text("tasks:\n  a: {kind: match, description: d, instruction: i, enabled: false}\n")
    mine = home / "instructions.yaml"
    assert "a" not in Registry(base, mine).tasks
    mine.write_text("tasks:\n  a: {enabled: true}\n")
    assert "a" in Registry(base, mine).tasks
    mine.write_text("tasks:\n  a: {extends: packaged, threshold: 0.7}\n")
    assert Registry(base, mine).tasks["a"].threshold == 0.7  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("entry", "line", "said"),
    [
        (
            "    extends: packagd\n",
            3,
            "is `packagd`, and no packaged task is called `packagd`; did you mean `packaged`?",
        ),
        ("    extends: packaged\n    abstian_below: 1\n", 4, "did you mean `abstain_below`?"),
        ("    extends: packaged\n    kind: match\n", 4, "is not `classify`, that of the task it extends; leave it out"),
        ("    extends: packaged\n    labels:\n      - {name: a, exampels: [b]}\n", 5, "did you mean `examples`?"),
        (
            "    extends: packaged\n    labels:\n      - {name: a, enabled: false}\n",
            5,
            "drops from `a`, which is no label",
        ),
        (
            "    extends: packaged\n    labels:\n      - name: work\n        without: [zz]\n",
            6,
            "is the beginning of no",
        ),
        ("    extends: packaged\n    labels: 3\n", 4, "must be a list, not `3`"),
        ("    extends: packaged\n    evidence: {bulk: [nwes]}\n", 2, "names `nwes` under `evidence.bulk`, which is no"),
        ("    extends: packaged\n    evidence: {bluk: [spam]}\n", 4, "is 'bluk'; did you mean `bulk`?"),
    ],
)
def test_mistakes_are_named_with_their_line(home: Path, entry: str, line: int, said: str) -> None:
    path = home / "instructions.yaml"
    path.write_text(f"tasks:\n  classify_email:\n{entry}")
    problems = check(path)
    assert [problem.line for problem in problems] == [line]
    assert said in str(problems[0])
