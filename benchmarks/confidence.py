"""Compare ways to say how sure a label is: of the surest four fifths of the texts, how many errors are left?

    python benchmarks/confidence.py DATA [--sets enron-genre-a,email-intent] [--cache FOLDER]

DATA as for `classify.py`, whose classifier is fitted to all of train (pip install scikit-learn). The labels stay
as they are; each line ranks the texts of test by another measure and gives the error of the first 80% beside all.
`oracle` ranks every error last, which no measure can beat. `promised` is what the classifier's own probabilities say it
would be, if each were right as often as it says: to be better, labels must be better told apart.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from classify import fit
from labelled_sets import Dataset, Embedded, Vectors
from numpy.typing import NDArray

COVERAGE = 0.8


def remaining(sure: Vectors, right: NDArray[np.bool_]) -> float:
    """Error of the surest, beside the error of all."""
    surest = np.argsort(-sure, kind="stable")[: int(COVERAGE * len(right))]
    return float((1 - right[surest].mean()) / (1 - right.mean()))


def measures(data: Dataset, probabilities: Vectors) -> dict[str, Vectors]:
    """How sure each measure is of the most probable label."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    best = probabilities.argmax(axis=1)
    ordered = np.sort(probabilities, axis=1)
    likeness = data.test @ data.train.T
    nearest = np.argsort(-likeness, axis=1)
    agreeing = {k: (data.train_labels[nearest[:, :k]] == best[:, None]).mean(axis=1) for k in (5, 15, 50)}
    words = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2)
    views = {
        "logistic regression": (data.train, data.test),
        "words alone": (words.fit_transform(data.texts), words.transform(data.test_texts)),
    }
    of_view = {
        name: LogisticRegression(C=10, max_iter=500).fit(train, data.train_labels).predict_proba(test)
        for name, (train, test) in views.items()
    }
    own = {name: found[np.arange(len(best)), best] for name, found in of_view.items()}
    return {
        "probability": ordered[:, -1],
        "margin": ordered[:, -1] - ordered[:, -2],
        "entropy": (probabilities * np.log(probabilities + 1e-12)).sum(axis=1),
        "likeness to the nearest": likeness.max(axis=1),
        **{f"{k} neighbours agree": share + 1e-3 * ordered[:, -1] for k, share in agreeing.items()},
        "probability x 15 neighbours": ordered[:, -1] * agreeing[15],
        **own,
        "probability x both views": ordered[:, -1] * np.prod(list(own.values()), axis=0),
    }


def report(data: Dataset) -> None:
    probabilities = fit(data, np.arange(len(data.train))).probabilities(data.test, data.test_texts)
    right = probabilities.argmax(axis=1) == data.test_labels
    print(f"{data.name}: {right.mean():.3f} right of {len(right)}")
    sure = np.sort(probabilities.max(axis=1))[::-1]
    promised = (1 - sure[: int(COVERAGE * len(sure))]).mean() / (1 - sure).mean()
    for name, measure in measures(data, probabilities).items():
        print(f"  {name:30}{remaining(measure, right):.2f}")
    print(f"  {'promised':30}{promised:.2f}\n  {'oracle':30}{remaining(right.astype(float), right):.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a folder of sets")
    parser.add_argument("--sets", default="enron-genre-a,email-intent")
    parser.add_argument("--checkpoint", default="mini")
    parser.add_argument("--cache", type=Path, help="a folder to keep embeddings in")
    options = parser.parse_args()
    embedded = Embedded(options.data, options.checkpoint, options.cache, None)
    for name in options.sets.split(","):
        report(embedded.dataset(name))


if __name__ == "__main__":
    main()
