"""Fit the weights of what a sender's address says to the packaged examples whose senders are known.

    python benchmarks/mail_evidence.py

349 of the packaged examples were written as mails from four sources; `mail_senders.jsonl` has their senders and
recipients. Each is judged by the packaged labels fitted without its source. For each source follow its accuracy and log
loss by the text alone, with the weights in force (`evidence.SIGNS`), and with weights that were fitted to the other
three sources: logistic regression on top of the text's log probabilities, each weight held to the sign that it has now.
The last lines are the weights fitted to all four.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openclaw_instructor.documents.email import from_fields
from openclaw_instructor.engine import Engine
from openclaw_instructor.registry import Registry
from openclaw_instructor.registry.kinds.classify import ClassifyTask
from openclaw_instructor.settings import Settings
from openclaw_instructor.tasks.classifier.evidence import SIGNS, signs
from openclaw_instructor.tasks.classifier.label_space import LabelSpace
from openclaw_instructor.tasks.classifier.label_vectors import embedded

Matrix = NDArray[np.float64]
FITTED = ("no_reply", "colleague")
STEPS, RATE, RIDGE = 3_000, 0.02, 1.0


def judged(task: ClassifyTask, mails: list[dict[str, Any]], engine: Engine) -> tuple[Matrix, NDArray[np.intp]]:
    """Probabilities (mails, labels) of the mails, each by labels without its source, and their true labels."""
    instruction = task.instruction("text", "mini")
    descriptions = [label.described for label in task.labels]
    places = {mail["begins"]: number for number, mail in enumerate(mails)}
    found, truth = np.zeros((len(mails), len(task.labels))), np.zeros(len(mails), np.intp)
    for source in dict.fromkeys(mail["source"] for mail in mails):
        kept: list[list[str]] = []
        tested: list[tuple[int, int, str]] = []
        for number, label in enumerate(task.labels):
            kept.append([])
            for text in label.examples:
                place = places.get(text[:60])
                if place is not None and mails[place]["source"] == source:
                    tested.append((place, number, text))
                else:
                    kept[-1].append(text)
        space = LabelSpace.fit(
            embedded(descriptions, instruction, engine),
            [embedded(texts, instruction, engine) for texts in kept],
            [[*texts, description] for texts, description in zip(kept, descriptions, strict=True)],
        )
        rows, owners, texts = zip(*tested, strict=True)
        found[list(rows)] = space.probabilities(embedded(texts, instruction, engine), texts)
        truth[list(rows)] = owners
    return found, truth


def features(task: ClassifyTask, mails: list[dict[str, Any]]) -> tuple[Matrix, list[tuple[str, str, float]]]:
    """What each weight of the fitted signs adds to (mails, labels, weights), and the weights: sign, role, in force."""
    weights = [(name, str(role), weight) for name in FITTED for role, weight in SIGNS[name].weights.items()]
    names = [label.name for label in task.labels]
    roles = {str(role): [names.index(label) for label in labels] for role, labels in task.evidence.items()}
    table = np.zeros((len(mails), len(names), len(weights)))
    for row, mail in enumerate(mails):
        seen = signs(from_fields("", "x", mail["from"], mail["to"]))
        for column, (name, role, _) in enumerate(weights):
            if name in seen:
                table[row, roles[role], column] = 1
    return table, weights


def fit(odds: Matrix, table: Matrix, truth: NDArray[np.intp], directions: Matrix) -> Matrix:
    """Weights with the least log loss, drawn to 0, each of its direction."""
    weights, rows = np.zeros(len(directions)), np.arange(len(truth))
    for _ in range(STEPS):
        powers = _shares(odds + table @ weights)
        slope = np.einsum("nl,nlw->w", powers, table) - table[rows, truth].sum(axis=0) + RIDGE * weights
        weights = weights - RATE * slope
        weights[weights * directions < 0] = 0
    return weights


def _shares(odds: Matrix) -> Matrix:
    powers = np.exp(odds - odds.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def measured(odds: Matrix, truth: NDArray[np.intp]) -> str:
    shares = _shares(odds)
    loss = -np.log(shares[np.arange(len(truth)), truth]).mean()
    return f"{(odds.argmax(axis=1) == truth).mean():.3f} right, loss {loss:.3f}"


def main() -> None:
    lines = Path(__file__).with_name("mail_senders.jsonl").read_text(encoding="utf-8").splitlines()
    mails = [json.loads(line) for line in lines]
    settings = Settings.load(Path(tempfile.mkdtemp(prefix="mail-evidence-")), checkpoint="mini")
    task = Registry.load(settings).get("classify_email")
    assert isinstance(task, ClassifyTask)
    found, truth = judged(task, mails, Engine(settings))
    odds, sources = np.log(np.maximum(found, 1e-6)), np.array([mail["source"] for mail in mails])
    table, weights = features(task, mails)
    now = np.array([weight for _, _, weight in weights])
    for source in [*dict.fromkeys(sources), "all"]:
        own = (sources == source) | (source == "all")
        line = f"{source:26}{own.sum():4} text: {measured(odds[own], truth[own])}"
        line += f"; in force: {measured((odds + table @ now)[own], truth[own])}"
        if source != "all":
            others = fit(odds[~own], table[~own], truth[~own], np.sign(now))
            line += f"; fitted to the others: {measured((odds + table @ others)[own], truth[own])}"
        print(line)
    for (name, role, weight), fitted in zip(weights, fit(odds, table, truth, np.sign(now)), strict=True):
        print(f"{name:12}{role:12} fitted {fitted:+.2f}, in force {weight:+.1f}")


if __name__ == "__main__":
    main()
