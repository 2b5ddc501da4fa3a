"""Measure whether a ranking follows the instruction that comes with the query.

Each query of such a data set comes with several instructions, and each instruction has its own relevant documents.

- p-MRR, of Weller et al., "FollowIR: Evaluating and Teaching Information Retrieval Models to Follow Instructions",
  2024: how far documents fall, or rise, when the instruction changes to one for which they are not relevant.
- Robustness@10, of Oh et al., "InstructIR: A Benchmark for Instruction Following of Information Retrieval Models",
  2024: the lowest nDCG@10 that a query has under any of its instructions, mean of queries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from openclaw_instructor.evaluate.datasets import Row
from openclaw_instructor.evaluate.metrics import Undefined, ranking
from openclaw_instructor.evaluate.task import Task
from openclaw_instructor.registry.task import render

if TYPE_CHECKING:
    from numpy.typing import NDArray


def rank_change(before: int, after: int) -> float:
    """Return the p-MRR of one document by its ranks from 1: over 0 when it falls, under 0 when it rises.

    It is 1 - before/after or after/before - 1, so between -1 and 1, and a change near the top counts most.
    """
    return 1 - before / after if after >= before else after / before - 1


def p_mrr(ranks: Mapping[str, Mapping[str, int]], relevant: Mapping[str, set[str]]) -> float:
    """Return the p-MRR of the instructions of one query: `ranks` and `relevant` documents of each.

    For every ordered pair of instructions the documents count that are relevant under the first and not under the
    second; mean of documents, then of pairs. NaN where the instructions have the same relevant documents.
    """
    pairs = []
    for first, second in permutations(ranks, 2):
        lost = relevant[first] - relevant[second]
        if lost:
            changes = [rank_change(ranks[first][document], ranks[second][document]) for document in lost]
            pairs.append(sum(changes) / len(changes))
    return sum(pairs) / len(pairs) if pairs else float("nan")


def run(task: Task) -> dict[str, dict[str, float]]:
    """Measure a data set of this kind, in two modes.

    In `prompt` a query is embedded under its own instruction. In `text` the instruction stands after the query, as for
    models without instructions; without a set of instructions there is only this mode.
    """
    corpus, judgements = task.dataset.rows("corpus"), task.dataset.judgements()
    rows = [row for row in task.dataset.rows("instructed") if str(row["id"]) in judgements]
    rows = _whole_queries(rows, task.limit)
    if not rows or not corpus:
        raise Undefined("it has no documents, or none of its queries is judged in qrels")
    names = [str(row["id"]) for row in corpus]
    documents = task.embed([f"{row.get('title') or ''} {row['text']}".strip() for row in corpus], "document")
    scores = {}
    if task.instructions.name != "none":
        scores["prompt"] = _measured(rows, _under_own(task, rows) @ documents.T, names, judgements)
    queries = task.embed([f"{row['text']} {row['instruction']}" for row in rows], "query")
    return scores | {"text": _measured(rows, queries @ documents.T, names, judgements)}


def _whole_queries(rows: Sequence[Row], limit: int | None) -> list[Row]:
    """Take at most `limit` rows, but all instructions of each query that is taken."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["text"], []).append(row)
    taken: list[Row] = []
    for group in groups.values():
        if limit is not None and taken and len(taken) + len(group) > limit:
            break
        taken += group
    return taken


def _under_own(task: Task, rows: Sequence[Row]) -> NDArray[np.float32]:
    """Embed each query under its own instruction; all queries of one instruction together."""
    by_instruction: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        by_instruction.setdefault(row["instruction"], []).append(number)
    vectors: dict[int, NDArray[np.float32]] = {}
    for instruction, numbers in by_instruction.items():
        made = task.embed([rows[n]["text"] for n in numbers], "query", instruction=render(instruction))
        vectors |= dict(zip(numbers, made, strict=True))
    return np.stack([vectors[number] for number in range(len(rows))])


def _measured(
    rows: Sequence[Row],
    scores: NDArray[np.float32],
    documents: Sequence[str],
    judgements: Mapping[str, Mapping[str, int]],
) -> dict[str, float]:
    order = np.argsort(-scores, axis=1, kind="stable")
    queries: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        queries.setdefault(row["text"], []).append(number)
    relevant = {str(row["id"]): {d for d, grade in judgements[str(row["id"])].items() if grade > 0} for row in rows}
    gains = [
        ranking({(name := str(row["id"])): _top(order[number], documents)}, {name: judgements[name]})
        for number, row in enumerate(rows)
    ]
    changes = []
    for numbers in queries.values():
        ranks = {str(rows[n]["id"]): {documents[d]: r for r, d in enumerate(order[n], 1)} for n in numbers}
        changes.append(p_mrr(ranks, relevant))
    return {
        "p_mrr": _mean_of_defined(changes),
        "robustness_at_10": float(np.mean([min(gains[n]["ndcg_at_10"] for n in group) for group in queries.values()])),
        "ndcg_at_10": float(np.mean([gain["ndcg_at_10"] for gain in gains])),
    }


def _top(order: NDArray[np.int64], documents: Sequence[str]) -> dict[str, float]:
    return {documents[index]: -float(rank) for rank, index in enumerate(order[:1000])}


def _mean_of_defined(values: Sequence[float]) -> float:
    known = [value for value in values if value == value]
    return float(np.mean(known)) if known else float("nan")
