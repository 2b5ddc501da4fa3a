"""Adapt a checkpoint to a task with a user's own data, and say honestly whether it helped.

A fifth of the data is held out; what a task does (the label of a text, the rank of a query's own document) is measured
on it before and after, through the same code that answers the tool. The instruction is the task's own. No query is both
learnt and held out, however many documents it has.
"""

from __future__ import annotations

import math
import random
import shutil
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from openclaw_instructor.documents.document import UnreadableDocument
from openclaw_instructor.documents.email import from_fields, read
from openclaw_instructor.errors import InvalidArguments, InvalidData
from openclaw_instructor.evaluate.datasets import numbered_rows
from openclaw_instructor.evaluate.fields import NAME, TEXT, TEXTS, typed
from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.instructor import INSTRUCTOR
from openclaw_instructor.registry import Task
from openclaw_instructor.registry.kinds.classify import ClassifyTask, Label
from openclaw_instructor.tasks.classifier.label_space import LabelSpace
from openclaw_instructor.train import builders, medi
from openclaw_instructor.train.config import TrainConfig
from openclaw_instructor.train.contrastive import train

if TYPE_CHECKING:
    from numpy.typing import NDArray

HELD_OUT = 0.2
EXAMPLES = 16  # examples of a label for the measured classifier; a task's YAML has only a few
ROUNDS = 4
SMALL_MODEL = 60_000_000
FEWEST = 10

Embed = Callable[[Sequence[str], str], "NDArray[np.float32]"]
Rows: TypeAlias = "NDArray[np.float64]"


@dataclass(frozen=True)
class Adaptation:
    """The result of adapting: `metric` (higher is better) on the `held_out` texts (of pairs: queries) before and after.

    `certain` when the difference is larger than chance would make it on so many (paired, at 95%).
    """

    checkpoint: Path
    task: str
    metric: str
    before: float
    after: float
    certain: bool
    held_out: int
    trained_on: int
    notes: list[str] = field(default_factory=list)

    @property
    def improved(self) -> bool:
        """Whether the metric rose."""
        return self.after > self.before

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON."""
        return asdict(self) | {"checkpoint": str(self.checkpoint), "improved": self.improved}


def adapt(
    source: Path,
    task: Task,
    start: Checkpoint,
    folder: Path,
    overrides: Mapping[str, Any] | None = None,
    *,
    restart: bool = False,
    progress: bool = False,
) -> Adaptation:
    """Train `start` on the rows of `source` under the task's instruction and write `folder`.

    Rows: {text, label} for a classify task (for one of e-mails also {subject, body, label} or {raw, label}), {a, b} or
    {query, document} for search and match. `overrides` are fields of TrainConfig. A killed run goes on. Raises
    InvalidData and InvalidArguments.
    """
    if folder.exists():
        raise InvalidArguments(f"{folder} is there already; choose another --name, or delete it")
    data = _labelled(source, task, start) if isinstance(task, ClassifyTask) else _pairs(source, task, start)
    config = replace(default_config(start, data.trained_on), **(overrides or {}))
    before = data.score(_embedder(start))
    run = folder.parent / ".runs" / folder.name
    file = run / "records.jsonl"
    medi.write(file, iter(data.records))
    finished = train([file], run, start, config, restart=restart, progress=progress)
    after = data.score(_embedder(Checkpoint.open(finished)))
    finished.rename(folder)
    shutil.rmtree(run)
    means, certain = (float(before.mean()), float(after.mean())), _beyond_chance(after - before)
    notes = [*data.notes, *_verdict(*means, certain, len(before))]
    return Adaptation(folder, task.name, data.metric, *means, certain, len(before), data.trained_on, notes)


def default_config(start: Checkpoint, rows: int) -> TrainConfig:
    """Return settings with few, small steps: enough to learn some hundred rows without forgetting the rest."""
    rate = 1e-4 if start.parameters < SMALL_MODEL else 2e-5
    batch = min(32, max(4, rows // 4))
    return TrainConfig(epochs=3, batch_size=batch, learning_rate=rate, temperature=0.05, max_tokens=256, save_every=50)


def _beyond_chance(differences: Rows) -> bool:
    error = differences.std(ddof=1) / math.sqrt(len(differences)) if len(differences) > 1 else math.inf
    return bool(abs(differences.mean()) > 1.96 * error)


def _verdict(before: float, after: float, certain: bool, texts: int) -> list[str]:
    if after <= before:
        return ["it did not help on the held-out texts: keep the current checkpoint, or give more data"]
    return [] if certain else [f"on {texts} held-out texts this may be chance; more data would tell"]


@dataclass(frozen=True)
class _Data:
    """`score` gives the metric of every held-out text or query."""

    records: list[builders.Row]
    score: Callable[[Embed], Rows]
    metric: str
    trained_on: int
    notes: list[str]


def _labelled(source: Path, task: ClassifyTask, start: Checkpoint) -> _Data:
    rows = list(
        dict.fromkeys(_text_and_label(row, task, f"{source}:{number}") for number, row in numbered_rows(source))
    )
    groups: dict[str, list[str]] = defaultdict(list)
    for text, label in rows:
        groups[label].append(text)
    if len(rows) < FEWEST or len(groups) < 2:
        raise InvalidData(f"{source}: {len(rows)} texts of {len(groups)} labels; give at least {FEWEST} of two labels")
    known = {label.name: label for label in task.labels}
    notes = [
        f"label `{name}` is not one of {task.name}; add it to instructions.yaml" for name in groups if name not in known
    ]
    labels = [known.get(name) or Label(name=name) for name in groups]
    train_texts, test = _split(groups)
    instruction = task.instruction("text", start.name)
    # The description is one of a label's texts, because the classifier treats it as an example.
    texts = [(label.described, label.name) for label in labels]
    texts += [(text, name) for name, all_ in train_texts.items() for text in all_]
    rows_to_learn = [{"text": text, "label": label} for text, label in texts]
    records = list(builders.labelled(rows_to_learn, instruction, task.name, rounds=ROUNDS))

    def score(embed: Embed) -> Rows:
        examples = [train_texts[label.name][:EXAMPLES] for label in labels]
        space = LabelSpace.fit(
            embed([label.described for label in labels], instruction), [embed(each, instruction) for each in examples]
        )
        best = space.probabilities(embed([text for text, _ in test], instruction)).argmax(axis=1)
        return np.array([float(labels[i].name == label) for i, (_, label) in zip(best, test, strict=True)])

    return _Data(records, score, "accuracy", len(rows) - len(test), notes)


def _pairs(source: Path, task: Task, start: Checkpoint) -> _Data:
    rows = [_pair(row, f"{source}:{number}") for number, row in numbered_rows(source)]
    rows = list({(row["a"], row["b"]): row for row in rows}.values())
    queries = list(dict.fromkeys(row["a"] for row in rows))
    if len(queries) < FEWEST:
        raise InvalidData(f"{source}: {len(rows)} pairs of {len(queries)} queries; give at least {FEWEST} queries")
    roles = task.roles if len(task.roles) > 1 else ("text", "text")
    query, document = (task.instruction(role, start.name) for role in roles)
    shuffled = random.Random(0).sample(queries, len(queries))
    test = shuffled[: max(2, round(HELD_OUT * len(queries)))]
    held_out = set(test)
    kept = [row for row in rows if row["a"] not in held_out]
    place = {text: number for number, text in enumerate(dict.fromkeys(row["b"] for row in rows))}
    own: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        own[row["a"]].append(place[row["b"]])

    def score(embed: Embed) -> Rows:
        similarity = embed(test, query) @ embed(list(place), document).T
        # If a query has several documents, the best ranked one counts.
        reached = [each[own[text]].max() for text, each in zip(test, similarity, strict=True)]
        return np.asarray(1.0 / (similarity >= np.array(reached)[:, None]).sum(axis=1))

    records = list(builders.pairs(kept, query, document, task.name))
    return _Data(records, score, "mean reciprocal rank", len(kept), [])


def _split(groups: dict[str, list[str]]) -> tuple[dict[str, list[str]], list[tuple[str, str]]]:
    """Hold out a fifth of each label's texts, at least one where there are three."""
    kept: dict[str, list[str]] = {}
    test: list[tuple[str, str]] = []
    draw = random.Random(0)
    for label, texts in groups.items():
        shuffled = draw.sample(texts, len(texts))
        cut = max(1, round(HELD_OUT * len(texts))) if len(texts) >= 3 else 0
        test += [(text, label) for text in shuffled[:cut]]
        kept[label] = shuffled[cut:]
    if not test:
        raise InvalidData("no label has three texts, so none can be held out to measure; give more texts of a label")
    return kept, test


def _text_and_label(row: Any, task: ClassifyTask, where: str) -> tuple[str, str]:
    if not isinstance(row, dict) or "label" not in row:
        raise InvalidData(f"{where}: field `label` is missing; rows are {{text, label}}")
    label = str(typed(row, {"label": NAME}, where)["label"])
    if "text" in row:
        return typed(row, {"text": TEXT}, where)["text"], label
    if task.input == "email" and "raw" in row:
        return _mail_text(typed(row, {"raw": TEXT}, where)["raw"], where), label
    if task.input == "email" and ("subject" in row or "body" in row):
        # One of the two may be absent or null.
        parts = {name: row[name] for name in ("subject", "body") if row.get(name) is not None}
        return from_fields(**typed(parts, dict.fromkeys(parts, TEXT), where)).text, label
    raise InvalidData(f"{where}: there is no text; rows are {{text, label}}, for e-mail also {{subject, body, label}}")


def _mail_text(raw: str, where: str) -> str:
    try:
        return read(raw).text
    except UnreadableDocument as error:
        raise InvalidData(f"{where}: `raw` is {error.reason}") from error


def _pair(row: Any, where: str) -> builders.Row:
    for first, second in (("a", "b"), ("query", "document")):
        if isinstance(row, dict) and isinstance(row.get(first), str) and isinstance(row.get(second), str):
            negatives = {"neg": row["neg"]} if row.get("neg") is not None else {}
            return {"a": row[first], "b": row[second], **typed(negatives, dict.fromkeys(negatives, TEXTS), where)}
    raise InvalidData(f"{where}: rows are {{a, b}} or {{query, document}}, both texts")


def _embedder(checkpoint: Checkpoint) -> Embed:
    model = INSTRUCTOR(checkpoint)
    return lambda texts, instruction: model.embed(model.prompter.render(instruction, texts))
