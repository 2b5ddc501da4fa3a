"""Stream texts past a classify task that is corrected where it is wrong or unsure, and past a logistic regression.

    python benchmarks/learning.py shared/data/eval-dev/classification enron-genre-a 20newsgroups banking77

Each set is a folder with `train.jsonl.gz` and `test.jsonl.gz` of `text` and `label`. The task knows the names of the
labels and nothing else. The logistic regressions of scikit-learn are fitted again at each step: on the same corrections
that the task was given, or on all texts that went past, as if somebody had labelled every one.
"""

from __future__ import annotations

import argparse
import gzip
import json
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from openclaw_instructor.engine import Engine, Priority
from openclaw_instructor.registry.kinds.classify import Label
from openclaw_instructor.settings import Settings
from openclaw_instructor.tasks.classifier.corrections import Corrections
from openclaw_instructor.tasks.classifier.fitted import HEAD, fitted

INSTRUCTION = "Represent the text for classification: "
ABSTAIN_BELOW, MIN_MARGIN = 0.4, 0.05
Array = np.ndarray[Any, Any]


def rows_of(folder: Path, count: int, seed: int) -> list[tuple[str, str]]:
    rows = []
    for file in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            rows += [(str(row["text"])[:HEAD], str(row["label"])) for row in map(json.loads, lines)]
    order = np.random.default_rng(seed).permutation(len(rows))[:count]
    return [rows[place] for place in order]


def stream(rows: list[tuple[str, str]], predict: Callable[[int], Array], teach: Callable[[int, bool], None],
           names: list[str]) -> dict[str, Any]:  # fmt: skip
    """Return for each third of the stream the accuracy, the calibration error and the share that was answered."""
    right, scores, answered, taught = [], [], [], 0
    for number, (_, label) in enumerate(rows):
        probabilities = predict(number)
        best, second = np.sort(probabilities)[::-1][:2]
        is_right = names[int(probabilities.argmax())] == label
        is_answered = best >= ABSTAIN_BELOW and best - second >= MIN_MARGIN
        right.append(is_right)
        scores.append(best)
        answered.append(is_answered)
        taught += not (is_right and is_answered)
        teach(number, is_right and is_answered)
    parts = np.array_split(np.arange(len(rows)), 3)
    return {
        "accuracy": [round(float(np.mean(np.array(right)[part])), 3) for part in parts],
        "calibration_error": [
            round(calibration_error(np.array(scores)[part], np.array(right)[part]), 3) for part in parts
        ],
        "answered": [round(float(np.mean(np.array(answered)[part])), 3) for part in parts],
        "corrections": taught,
    }


def calibration_error(scores: Array, right: Array) -> float:
    bins = np.minimum(9, (scores * 10).astype(int))
    parts = [bins == each for each in range(10) if (bins == each).any()]
    return float(sum(abs(scores[part].mean() - right[part].mean()) * part.sum() for part in parts) / len(scores))


def learned(engine: Engine, rows: list[tuple[str, str]], vectors: Array, names: list[str]) -> dict[str, Any]:
    """Stream the texts past the task; `taught` are the places of those that were corrected."""
    labels = tuple(Label(name=name) for name in names)
    space = fitted("stream", labels, INSTRUCTION, engine)
    seconds: list[float] = []
    taught: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        corrections = Corrections(Path(folder) / "corrections.db")

        def predict(number: int) -> Array:
            begin = time.thread_time()
            space.follow("stream", corrections, engine)
            probabilities = space.judge(vectors[number : number + 1], [rows[number][0]])[0][0]
            seconds.append(time.thread_time() - begin)
            return np.asarray(probabilities)

        def teach(number: int, is_fine: bool) -> None:
            if not is_fine:
                taught.append(number)
                corrections.add("stream", rows[number][1], rows[number][0])

        result = stream(rows, predict, teach, names)
    return result | {"milliseconds": round(1000 * float(np.median(seconds[-100:])), 1), "taught": taught}


def regression(
    rows: list[tuple[str, str]], vectors: Array, names: list[str], *, c: float, seen: set[int] | None
) -> dict[str, Any]:
    """Stream the texts past a logistic regression that learns those whose places are in `seen`; None: all of them."""
    learnt: list[int] = []
    model: list[LogisticRegression] = []
    labels = np.array([label for _, label in rows])

    def predict(number: int) -> Array:
        probabilities = np.full(len(names), 1e-9)
        if model:
            found = model[0].predict_proba(vectors[number : number + 1])[0]
            probabilities[[names.index(name) for name in model[0].classes_]] = found
        return probabilities

    def teach(number: int, is_fine: bool) -> None:
        if seen is None or number in seen:
            learnt.append(number)
            if len(set(labels[learnt])) > 1:
                model[:] = [LogisticRegression(C=c, max_iter=100).fit(vectors[learnt], labels[learnt])]

    return {"accuracy": stream(rows, predict, teach, names)["accuracy"]}


def report(
    name: str, rows: list[tuple[str, str]], vectors: Array, names: list[str], engine: Engine, *, alone: bool
) -> None:
    result = learned(engine, rows, vectors, names)
    taught = set(result.pop("taught"))
    print(json.dumps({"set": name, "texts": len(rows), "learned": result}), flush=True)
    for c in () if alone else (1.0, 10.0):
        for what, seen in (("the same corrections", taught), ("all texts", None)):
            found = regression(rows, vectors, names, c=c, seen=seen)
            print(json.dumps({"set": name, f"logistic regression on {what}, C={c:g}": found}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--texts", type=int, default=1500, help="texts of each set")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--alone", action="store_true", help="without the logistic regressions")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as home:
        engine = Engine(Settings.load(home))
        for name in options.sets:
            rows = rows_of(options.folder / name, options.texts, options.seed)
            names = sorted({label for _, label in rows})
            vectors = engine.embed([text for text, _ in rows], INSTRUCTION, priority=Priority.BULK).vectors
            report(name, rows, vectors, names, engine, alone=options.alone)
        engine.close()


if __name__ == "__main__":
    main()
