"""Turn labelled, paired and instruction data into MEDI records. The first row of a file tells its form.

    {"a", "b"[, "neg"]}                          pairs: a question and its answer, a heading and its section
    {"text", "label"}                            labelled texts
    {"task", "definition"?, "input", "output"}   instruction data (Super-NaturalInstructions), several tasks in a file
    {"query": [..], "pos": [..]}                 MEDI already

Each function takes rows and yields records; instructions are rendered with one space at the end.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from openclaw_instructor.errors import InvalidData
from openclaw_instructor.evaluate.datasets import read_rows
from openclaw_instructor.registry.task import render

if TYPE_CHECKING:
    from numpy.typing import NDArray

Row = dict[str, Any]
Embed = Callable[[Sequence[str]], "NDArray[np.float32]"]
FORMS = {
    "medi": ("query", "pos"),
    "pairs": ("a", "b"),
    "labelled": ("text", "label"),
    "instructions": ("task", "input", "output"),
}
QUERY = "Represent the question for retrieving supporting documents:"
DOCUMENT = "Represent the document for retrieval:"
LABELLED = "Represent the text for classification:"
# A task with at most so many distinct outputs, each used often, is a classification.
_CLASSES = 30
_USES = 5
_BLOCK = 2_000


def form_of(path: Path) -> str:
    """Tell the form of a JSONL file by the fields of its first row. Raises InvalidData."""
    first = next(read_rows(path), None)
    for form, fields in FORMS.items():
        if isinstance(first, dict) and all(name in first for name in fields):
            return form
    known = "; ".join(", ".join(fields) for fields in FORMS.values())
    raise InvalidData(f"{path}: its first row has none of the known forms ({known}); docs/training.md describes them")


def pairs(rows: Iterable[Row], query: str = QUERY, document: str = DOCUMENT, task: str = "pairs") -> Iterator[Row]:
    """Build records from rows {a, b[, neg]}: `a`, such as the question of a FAQ or a heading, has to find `b`."""
    ask, answer = render(query), render(document)
    for row in rows:
        record: Row = {"query": [ask, row["a"]], "pos": [answer, row["b"]], "task_id": task}
        if row.get("neg"):
            negatives = [row["neg"]] if isinstance(row["neg"], str) else row["neg"]
            record["neg"] = [[answer, text] for text in negatives]
        yield record


def labelled(
    rows: Iterable[Row], instruction: str = LABELLED, task: str = "labelled", *, rounds: int = 1, seed: int = 0
) -> Iterator[Row]:
    """Build records from rows {text, label}: a random positive of the same label and a negative of another.

    Each text gives `rounds` records.

    Raises InvalidData when no two texts share a label, or all do.
    """
    kept = [(str(row["text"]), str(row["label"])) for row in rows]
    groups: dict[str, list[str]] = defaultdict(list)
    for text, label in dict.fromkeys(kept):
        groups[label].append(text)
    if len(groups) < 2 or all(len(texts) < 2 for texts in groups.values()):
        raise InvalidData(f"{task}: give at least two labels, one of them with two different texts")
    draw, rendered = random.Random(seed), render(instruction)
    for _ in range(rounds):
        for text, label in dict.fromkeys(kept):
            if len(groups[label]) < 2:
                continue
            positive = draw.choice([other for other in groups[label] if other != text])
            # Draw the label before the text, so that common labels do not crowd out rare ones.
            other = draw.choice([name for name in groups if name != label])
            yield {
                "query": [rendered, text],
                "pos": [rendered, positive],
                "neg": [rendered, draw.choice(groups[other])],
                "task_id": task,
                "label": label,
                "neg_label": other,
            }


def instruction_data(
    rows: Iterable[Row], embed: Embed, instruction_of: Callable[[Row], str] | None = None, *, seed: int = 0
) -> Iterator[Row]:
    """Build records from rows {task, input, output} by the rule of Su et al. (ACL 2023, section 2.3), task by task.

    Neighbours are found with the vectors of any embedder.

    Classification: among the inputs most like x, one with the same output is its positive and one with another its
    negative. Other tasks: the positive has the highest cos(outputs) - cos(inputs), the hard negative the highest
    cos(inputs) - cos(outputs): alike in what is asked for and not in wording, and the reverse.
    `embed(texts)` gives L2-normalised vectors (n, dimension). Rows of a task must follow one another.
    """
    describe = instruction_of or default_instruction
    for task, members in _by_task(rows):
        if len(members) > _BLOCK:
            members = random.Random(seed).sample(members, _BLOCK)
        inputs = embed([row["input"] for row in members])
        asked = inputs @ inputs.T
        np.fill_diagonal(asked, -np.inf)
        outputs = [str(row["output"]) for row in members]
        instruction = render(describe(members[0]))
        if is_classification(outputs):
            chosen = _by_class(asked, outputs)
        else:
            vectors = embed(outputs)
            chosen = _by_output(asked, vectors @ vectors.T)
        for index, positive, negative in chosen:
            record: Row = {
                "query": [instruction, members[index]["input"]],
                "pos": [instruction, members[positive]["input"]],
                "neg": [instruction, members[negative]["input"]],
                "task_id": task,
            }
            if is_classification(outputs):
                record |= {"label": outputs[index], "neg_label": outputs[negative]}
            yield record


def is_classification(outputs: Sequence[str]) -> bool:
    """Tell whether a task is a classification: it has few distinct outputs, each used several times."""
    distinct = len(set(outputs))
    return distinct <= _CLASSES and len(outputs) >= _USES * distinct


def default_instruction(row: Row) -> str:
    """Write the instruction of a Super-NaturalInstructions task from its category, in INSTRUCTOR's format."""
    category = str(row.get("category") or "finding similar examples").replace("_", " ").strip().lower()
    return f"Represent the text for {category}:"


def _by_task(rows: Iterable[Row]) -> Iterator[tuple[str, list[Row]]]:
    current: str | None = None
    members: list[Row] = []
    for row in rows:
        if row["task"] != current and members:
            yield str(current), members
            members = []
        current = row["task"]
        members.append(row)
    if members:
        yield str(current), members


def _by_class(asked: NDArray[np.float32], outputs: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    names, owner = np.unique(outputs, return_inverse=True)
    same = owner[None] == owner[:, None]
    np.fill_diagonal(same, False)
    if len(names) < 2:
        return
    for index in range(len(outputs)):
        if same[index].any():
            positive = int(np.where(same[index], asked[index], -np.inf).argmax())
            negative = int(np.where(owner != owner[index], asked[index], -np.inf).argmax())
            yield index, positive, negative


def _by_output(asked: NDArray[np.float32], answered: NDArray[np.float32]) -> Iterator[tuple[int, int, int]]:
    if len(asked) < 3:
        return
    closer = answered - asked
    np.fill_diagonal(closer, -np.inf)
    further = asked - answered
    for index in range(len(asked)):
        positive, negative = int(closer[index].argmax()), int(further[index].argmax())
        if positive != negative:
            yield index, positive, negative
