"""Run one data set with one embedder: texts -> vectors -> the kind's metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from openclaw_instructor.evaluate import instruction_retrieval, metrics, prompt_retrieval, rankings
from openclaw_instructor.evaluate.datasets import Row
from openclaw_instructor.evaluate.task import Task

if TYPE_CHECKING:
    from numpy.typing import NDArray


Scores = dict[str, dict[str, float]]  # mode -> metric -> value; "" where a kind has no modes


def run(task: Task, modes: Sequence[str]) -> Scores:
    """Compute the scores of a data set by mode. Raises Undefined where it has none."""
    if task.dataset.kind == "retrieval":
        return _retrieval(task, modes)
    if task.dataset.kind == "instruction-retrieval":
        return instruction_retrieval.run(task)
    return {"": _PLAIN[task.dataset.kind](task)}


def _sts(task: Task) -> dict[str, float]:
    rows = task.cut(task.dataset.rows("rows"))
    first, second = _pair_vectors(task, rows)
    return metrics.sts(first, second, [row["score"] for row in rows])


def _pair_classification(task: Task) -> dict[str, float]:
    rows = task.cut(task.dataset.rows("rows"))
    labels = [row["label"] for row in rows]
    metrics.check_classes(labels, "its pairs")
    first, second = _pair_vectors(task, rows)
    return metrics.pair_classification(first, second, labels)


def _classification(task: Task) -> dict[str, float]:
    train, test = task.cut(task.dataset.rows("train")), task.cut(task.dataset.rows("test"))
    labels, end = [str(row["label"]) for row in (*train, *test)], len(train)
    metrics.check_classes(labels[:end], "its texts to learn from")
    if not test:
        raise metrics.Undefined("it has no texts to test")
    vectors = task.embed([row["text"] for row in (*train, *test)])
    return metrics.classification(vectors[:end], labels[:end], vectors[end:], labels[end:])


def _clustering(task: Task) -> dict[str, float]:
    rows = task.cut(task.dataset.rows("rows"))
    labels = [str(row["label"]) for row in rows]
    metrics.check_classes(labels, "its texts")
    return metrics.clustering(task.embed([row["text"] for row in rows]), labels)


def _reranking(task: Task) -> dict[str, float]:
    rows = [row for row in task.cut(task.dataset.rows("rows")) if row["positive"]]
    if not rows:
        raise metrics.Undefined("none of its queries has a positive text")
    documents = list(dict.fromkeys(text for row in rows for text in (*row["positive"], *row["negative"])))
    place = {text: index for index, text in enumerate(documents)}
    queries = task.embed([row["query"] for row in rows], "query")
    vectors = task.embed(documents, "document")
    runs: rankings.Run = {}
    relevant: dict[str, dict[str, int]] = {}
    for number, row in enumerate(rows):
        candidates = list(dict.fromkeys((*row["positive"], *row["negative"])))
        scores = vectors[[place[text] for text in candidates]] @ queries[number]
        runs[str(number)] = {str(place[text]): float(s) for text, s in zip(candidates, scores, strict=True)}
        relevant[str(number)] = {str(place[text]): 1 for text in row["positive"]}
    return metrics.ranking(runs, relevant)


def _text_evaluation(task: Task) -> dict[str, float]:
    rows = [row for row in task.cut(task.dataset.rows("rows")) if row["references"]]
    if not rows:
        raise metrics.Undefined("none of its texts has a reference")
    texts = list(dict.fromkeys(text for row in rows for text in (row["hypothesis"], *row["references"])))
    vectors = task.embed(texts)
    place = {text: index for index, text in enumerate(texts)}
    hypotheses = vectors[[place[row["hypothesis"]] for row in rows]]
    references = [vectors[[place[text] for text in row["references"]]] for row in rows]
    return metrics.text_evaluation(hypotheses, references, [row["score"] for row in rows])


def _retrieval(task: Task, modes: Sequence[str]) -> Scores:
    corpus = task.dataset.rows("corpus")
    judgements = task.dataset.judgements()
    judged = [row for row in task.dataset.rows("queries") if str(row["id"]) in judgements]
    queries = {str(row["id"]): row["text"] for row in task.cut(judged)}
    if not queries or not corpus:
        raise metrics.Undefined("it has no documents, or none of its queries is judged in qrels")
    corpus = [row | {"id": str(row["id"])} for row in corpus]
    words = rankings.FullText(corpus if {"bm25", "hybrid"} & set(modes) else [])
    asked = found = np.empty((0, 1), np.float32)
    if {"dense", "hybrid"} & set(modes):
        texts = [f"{row.get('title') or ''} {row['text']}".strip() for row in corpus]
        asked, found = task.embed(list(queries.values()), "query"), task.embed(texts, "document")
    made: dict[str, Callable[[], rankings.Run]] = {
        "dense": lambda: rankings.dense(list(queries), asked, [row["id"] for row in corpus], found),
        "bm25": lambda: words.bm25(queries),
        "hybrid": lambda: rankings.fuse(rankings.candidates(queries, asked, found, words), words.documents),
    }
    return {mode: metrics.ranking(made[mode](), judgements) for mode in modes}


def _pair_vectors(task: Task, rows: Sequence[Row]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    vectors = task.embed([row["s1"] for row in rows] + [row["s2"] for row in rows])
    return vectors[: len(rows)], vectors[len(rows) :]


_PLAIN: dict[str, Callable[[Task], dict[str, float]]] = {
    "sts": _sts,
    "classification": _classification,
    "pair-classification": _pair_classification,
    "clustering": _clustering,
    "reranking": _reranking,
    "text-evaluation": _text_evaluation,
    "prompt-retrieval": prompt_retrieval.run,
}
