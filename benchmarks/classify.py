"""Measure how well labels are fitted on few and many examples, how far scores are right, and how long it takes.

    python benchmarks/classify.py heads DATA [--sets a,b] [--examples 8,32,all] [--limit N] [--cache FOLDER] [--json F]
                                        [--router] [--setfit MODEL]
    python benchmarks/classify.py stream DATA [--sets a,b] [--limit N] [--cache FOLDER]
    python benchmarks/classify.py scope DATA [--cache FOLDER]
    python benchmarks/classify.py speed

DATA is a folder of folders with `train.jsonl.gz` and `test.jsonl.gz` of {text, label}. Examples come from train, scores
from test. `heads` compares the classifier with nearest centroid, 5 nearest neighbours, logistic regression (C = 1 and
10), all on the same embeddings, and TF-IDF with a linear SVM (pip install scikit-learn), and on request with
semantic-router on the same embeddings and with SetFit on the model in a folder (`classify_references.py`). The
classifier is given the labels' names, as a task is. ECE is the expected calibration error in 15 bins; "80%" is the
error of the surer four fifths beside the error of all. `stream` shows texts in random order and adds each that was
wrong or got no label to the examples; logistic regression is fitted at every step on the same texts, and on all seen so
far. `scope` asks labels of bank questions for mails, and gives the area under the ROC curve. `speed` times a warm call
beyond its embedding, a fit of 16 labels with 200 examples, and a match of 2,000 candidates that were never embedded.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from classify_references import semantic_router, setfit
from labelled_sets import Dataset, Embedded, Places, Vectors

sys.path.insert(0, str(Path(__file__).parents[1]))

from openclaw_instructor.settings import Settings
from openclaw_instructor.tasks.classifier.label_space import LabelSpace

BINS = 15
SURE = 0.4  # abstain_below of the packaged task


@dataclass(frozen=True)
class References:
    """Which classifiers of other people to run too; `setfit` is the folder of the model that is trained."""

    router: bool = False
    setfit: Path | None = None


def fit(data: Dataset, chosen: Places) -> LabelSpace:
    """The classifier on these examples, as a task with these labels fits it."""
    owner = data.train_labels[chosen]
    groups = [chosen[owner == label] for label in range(len(data.labels))]
    texts = [
        [*(data.texts[place] for place in group), name.replace("_", " ")]
        for group, name in zip(groups, data.labels, strict=True)
    ]
    return LabelSpace.fit(data.names, [data.train[group] for group in groups], texts)


def sample(data: Dataset, count: int | None, seed: int) -> Places:
    """Places of `count` examples of each label, of all for None."""
    if count is None:
        return np.arange(len(data.train))
    drawn = np.random.default_rng(seed).permutation(len(data.train))
    return np.concatenate([drawn[data.train_labels[drawn] == label][:count] for label in range(len(data.labels))])


def rivals(data: Dataset, chosen: Places, references: References) -> dict[str, Callable[[], Places]]:
    """What else could be fitted on the same examples; each gives the labels of the test texts."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
    from sklearn.svm import LinearSVC

    points, owner = data.train[chosen], data.train_labels[chosen]

    def by_words() -> Places:
        words = TfidfVectorizer(sublinear_tf=True)
        counted = words.fit_transform([data.texts[place] for place in chosen])
        return np.asarray(LinearSVC().fit(counted, owner).predict(words.transform(data.test_texts)))

    def on_embeddings(model: Any) -> Callable[[], Places]:
        return lambda: np.asarray(model.fit(points, owner).predict(data.test))

    asked: dict[str, Callable[[], Places]] = {}
    if references.router:
        asked["router"] = lambda: semantic_router(points, owner, data.labels, data.test)
    if model := references.setfit:
        asked["setfit"] = lambda: setfit(model, [data.texts[place] for place in chosen], owner, data.test_texts)
    return asked | {
        "centroid": on_embeddings(NearestCentroid()),
        "neighbours": on_embeddings(KNeighborsClassifier(5)),
        "logistic 1": on_embeddings(LogisticRegression(C=1, max_iter=300)),
        "logistic 10": on_embeddings(LogisticRegression(C=10, max_iter=300)),
        "words": by_words,
    }


def macro_f1(truth: Places, found: Places) -> float:
    scores = []
    for label in np.unique(truth):
        both = np.sum((truth == label) & (found == label))
        scores.append(2 * both / (np.sum(truth == label) + np.sum(found == label)))
    return float(np.mean(scores))


def calibration_error(probabilities: Vectors, truth: Places) -> float:
    """Mean distance, over bins, between how sure the answers are and how many are right."""
    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    gaps = [np.mean(bins == one) * abs(sure[bins == one].mean() - right[bins == one].mean()) for one in np.unique(bins)]
    return float(np.sum(gaps))


def error_of_the_surer(probabilities: Vectors, truth: Places, coverage: float = 0.8) -> float:
    """Error of this share of the texts, the surest, beside the error of all."""
    right = probabilities.argmax(axis=1) == truth
    surest = np.argsort(-probabilities.max(axis=1), kind="stable")[: int(coverage * len(truth))]
    return float((1 - right[surest].mean()) / max(1 - right.mean(), 1e-9))


def heads(
    embedded: Embedded, names: list[str], counts: list[int | None], seeds: int, references: References
) -> list[dict[str, Any]]:
    """One row for each set and number of examples, means over the seeds."""
    rows = []
    for name in names:
        data = embedded.dataset(name)
        for count in counts:
            runs = [_one_run(data, sample(data, count, seed), references) for seed in range(seeds if count else 1)]
            means = {key: float(np.mean([run[key] for run in runs])) for key in runs[0]}
            rows.append({"set": name, "examples": count or "all", **means})
            print(_line(rows[-1]), flush=True)
    for count in counts:
        group = [row for row in rows if row["examples"] == (count or "all")]
        keys = [key for key in group[0] if key not in ("set", "examples")]
        means = {key: float(np.mean([row[key] for row in group])) for key in keys}
        print(_line({"set": "mean", "examples": count or "all", **means}))
    return rows


def _one_run(data: Dataset, chosen: Places, references: References) -> dict[str, float]:
    probabilities = fit(data, chosen).probabilities(data.test, data.test_texts)
    scores = {"ours": macro_f1(data.test_labels, probabilities.argmax(axis=1))}
    scores |= {name: macro_f1(data.test_labels, found()) for name, found in rivals(data, chosen, references).items()}
    return scores | {
        "ECE": calibration_error(probabilities, data.test_labels),
        "80%": error_of_the_surer(probabilities, data.test_labels),
    }


def _line(row: dict[str, Any]) -> str:
    numbers = "  ".join(f"{key} {value:.3f}" for key, value in row.items() if isinstance(value, float))
    return f"{row['set']:18} {row['examples']:>4}  {numbers}"


def stream(data: Dataset, limit: int) -> None:
    """Accuracy by thirds of a stream whose mistakes are corrected at once."""
    from sklearn.linear_model import LogisticRegression

    order = np.random.default_rng(0).permutation(len(data.train))[:limit]
    taught: list[int] = []
    hits: dict[str, list[bool]] = {"ours": [], "logistic, same texts": [], "logistic, all seen": []}
    space = fit(data, np.array(taught, int))
    for step, place in enumerate(order):
        one, truth = data.train[place][None], data.train_labels[place]
        probabilities = space.probabilities(one, [data.texts[place]])[0]
        hits["ours"].append(bool(probabilities.argmax() == truth))
        for name, known in (("logistic, same texts", taught), ("logistic, all seen", list(order[:step]))):
            if len(set(data.train_labels[known])) < 2:
                hits[name].append(False)
                continue
            model = LogisticRegression(C=10, max_iter=100).fit(data.train[known], data.train_labels[known])
            hits[name].append(bool(model.predict(one)[0] == truth))
        if not hits["ours"][-1] or probabilities.max() < SURE:
            taught.append(int(place))
            space = fit(data, np.array(taught))
    for name, right in hits.items():
        thirds = [float(np.mean(part)) for part in np.array_split(np.array(right), 3)]
        print(f"{data.name:18} {name:22} thirds " + "  ".join(f"{third:.3f}" for third in thirds))
    print(f"{data.name:18} {len(taught)} of {len(order)} corrected")


def scope(embedded: Embedded) -> None:
    """How well questions to a bank are told from mails by labels of such questions."""
    data = embedded.dataset("banking77")
    mails = [row["text"] for row in embedded.rows("enron-genre-a", "test")]
    strangers = embedded.vectors("banking77", "mails", mails, under="banking77")
    for count in (8, None):
        space = fit(data, sample(data, count, 0))
        by = {
            "probability": (
                space.probabilities(data.test, data.test_texts).max(axis=1),
                space.probabilities(strangers, mails).max(axis=1),
            ),
            "likeness": (space.nearest(data.test), space.nearest(strangers)),
        }
        areas = "  ".join(f"{name} {_area(*scores):.3f}" for name, scores in by.items())
        below = np.mean(space.nearest(strangers) < space.floor), np.mean(space.nearest(data.test) < space.floor)
        print(
            f"{count or 'all'} examples: AUROC by {areas}; no label for {below[0]:.1%} of mails, {below[1]:.1%} of own"
        )


def _area(known: Vectors, strange: Vectors) -> float:
    ranks = np.argsort(np.argsort(np.concatenate([known, strange]))) + 1
    return float((ranks[: len(known)].sum() - len(known) * (len(known) + 1) / 2) / (len(known) * len(strange)))


def speed(checkpoint: str) -> None:
    """Milliseconds of a call beyond its embedding, of a fit, and of a match, each the median of several."""
    from openclaw_instructor.service import Toolbox

    rng = np.random.default_rng(0)
    few = [rng.normal(size=(size, 384)) for size in [13] * 8 + [12] * 8]
    names = rng.normal(size=(16, 384))
    words = Path(__file__).read_text(encoding="utf-8").split()
    texts = [[" ".join(rng.choice(words, 30)) for _ in range(len(group) + 1)] for group in few]
    print(f"fit of 16 labels, 200 examples: {_milliseconds(lambda: LabelSpace.fit(names, few, texts)):.1f} ms")
    home = Path(tempfile.mkdtemp(prefix="classify-benchmark-"))
    with Toolbox(settings=Settings.load(home, checkpoint=checkpoint, load_wait=600)) as toolbox:
        mail = {"subject": "Minutes of Monday", "body": "Dear all, these are the minutes. Please add what is missing."}
        toolbox.run("classify_email", mail)
        print(f"a call whose embedding is known: {_milliseconds(lambda: toolbox.run('classify_email', mail)):.1f} ms")
        many = [f"{number} " + " ".join(rng.choice(words, 6)) for number in range(2_000)]
        started = time.perf_counter()
        toolbox.run("semantic_match", {"query": "labels fitted on examples", "candidates": many})
        print(f"match of 2,000 candidates, cold: {time.perf_counter() - started:.2f} s")


def _milliseconds(call: Callable[[], Any], times: int = 15) -> float:
    took = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        took.append(1e3 * (time.perf_counter() - started))
    return float(np.median(took))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("heads", "stream", "scope", "speed"))
    parser.add_argument("data", type=Path, nargs="?", help="a folder of sets")
    parser.add_argument("--checkpoint", default="mini")
    parser.add_argument("--sets", help="names of sets, separated by commas; all of the folder without it")
    parser.add_argument("--examples", default="8,32,all")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--limit", type=int, help="read so many texts of each file")
    parser.add_argument("--cache", type=Path, help="a folder to keep embeddings in")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--router", action="store_true", help="run semantic-router too, which must be installed")
    parser.add_argument("--setfit", type=Path, metavar="MODEL", help="train SetFit on the model in this folder too")
    options = parser.parse_args()
    # scikit-learn warns of few examples and of fits that have not converged, which is what is compared here.
    warnings.simplefilter("ignore", UserWarning)
    if options.what == "speed":
        speed(options.checkpoint)
        return
    embedded = Embedded(options.data, options.checkpoint, options.cache, options.limit)
    names = options.sets.split(",") if options.sets else sorted(path.name for path in options.data.iterdir())
    if options.what == "scope":
        scope(embedded)
    elif options.what == "stream":
        for name in names:
            stream(embedded.dataset(name), options.limit or 1_500)
    else:
        counts = [None if count == "all" else int(count) for count in options.examples.split(",")]
        rows = heads(embedded, names, counts, options.seeds, References(options.router, options.setfit))
        if options.json:
            options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
