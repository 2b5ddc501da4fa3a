"""Kind `match`: rank candidates by how close in meaning they are to a query, or to each of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.tasks import doubts
from openclaw_instructor.tasks.assignment import assign
from openclaw_instructor.tasks.texts import Text, embed, read_texts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from openclaw_instructor.registry.kinds.match import MatchTask
    from openclaw_instructor.tasks.runners import Resources


def run(task: MatchTask, arguments: Mapping[str, Any], resources: Resources) -> dict[str, Any]:
    """Rank `candidates` against `query`, or each of `queries`; all are embedded under the task's one instruction.

    A score is the cosine of the two embeddings: 1 for the same text, around 0 for unrelated ones with the bundled
    checkpoint. `index` is the position in `candidates`, so duplicates stay apart; equal scores keep their order.
    `best` is the first match, or null when nothing reaches `threshold`; `notes` then name the closest. For `queries`,
    `results` hold the matches of each. Raises InvalidArguments when there is no query, or both forms of it.
    """
    engine = resources.engine
    queries, notes = _queries(task, arguments)
    candidates, left_out = read_texts(arguments["candidates"])
    one_to_one = arguments.get("one_to_one", False)
    if one_to_one and len(queries) * len(candidates) > _MOST_PAIRS:
        raise InvalidArguments(
            f"{task.name}: {len(queries):,} queries and {len(candidates):,} candidates are more than {_MOST_PAIRS:,} "
            "pairs, which is the limit of `one_to_one`; send fewer, or leave it out"
        )
    texts = [text.text for text in (*queries, *candidates)]
    embedded = embed(engine, texts, task.instruction("text", engine.checkpoint_name))
    top_k, threshold = (arguments.get(name, getattr(task, name)) for name in ("top_k", "threshold"))
    found = _Candidates(candidates, embedded.vectors[len(queries) :], threshold, top_k)
    vectors = embedded.vectors[: len(queries)]
    ranked = found.assigned(vectors) if one_to_one else found.ranked(vectors)
    one = "queries" not in arguments
    answer = _of_one(ranked[0], found) if one else _of_several(queries, ranked, found)
    notes += [*[note.replace("text(s)", "candidate(s)") for note in left_out], *answer.pop("notes"), *embedded.notes]
    written = [text.text for text in candidates]
    asked = queries[0].text if one else " ".join(text.text for text in queries[:_SAMPLE])
    notes += doubts.of_languages(asked, written, engine.checkpoint_name, found=any(each.rows for each in ranked))
    best = [(query.text, written[each.rows[0][0]]) for query, each in zip(queries, ranked, strict=True) if each.rows]
    notes += doubts.of_negations(best)
    return {
        **answer,
        "threshold": threshold,
        "truncated": embedded.truncated,
        "task": task.name,
        "notes": notes,
    }


_SAMPLE = 50
# Scores that are held at once when there are several queries.
_BLOCK = 4_000_000
# Each takes 24 bytes while it is assigned.
_MOST_PAIRS = 10_000_000


def _queries(task: MatchTask, arguments: Mapping[str, Any]) -> tuple[list[Text], list[str]]:
    if ("query" in arguments) == ("queries" in arguments):
        what = "both `query` and `queries` are given" if "query" in arguments else "`query` is missing"
        raise InvalidArguments(f"{task.name}: {what}; give `query`, or `queries` for several")
    if "query" in arguments:
        return [Text(0, arguments["query"])], []
    queries, notes = read_texts(arguments["queries"])
    if not queries:
        raise InvalidArguments(f"{task.name}: every text of `queries` is empty; write some text there")
    return queries, [note.replace("text(s)", "query(s)") for note in notes]


@dataclass(frozen=True)
class _Ranked:
    """The matches of one query: rows of candidates with their scores, and how many more reach the threshold."""

    rows: list[tuple[int, float]]
    more: int
    closest: tuple[int, float] | None


@dataclass(frozen=True)
class _Candidates:
    """What is ranked, and what counts as a match."""

    texts: Sequence[Text]
    vectors: NDArray[np.float32]
    threshold: float
    top_k: int

    def ranked(self, queries: NDArray[np.float32]) -> list[_Ranked]:
        """Rank the candidates for each query (n, dimension)."""
        height = max(1, _BLOCK // max(1, len(self.texts)))
        blocks = (self._scores(queries[start : start + height]) for start in range(0, len(queries), height))
        return [self._ranked(scores) for block in blocks for scores in block]

    def assigned(self, queries: NDArray[np.float32]) -> list[_Ranked]:
        """Give each query at most one candidate and each candidate to at most one query, the best in sum."""
        scores = self._scores(queries)
        reached = scores >= self.threshold
        rows, columns = np.flatnonzero(reached.any(axis=1)), np.flatnonzero(reached.any(axis=0))
        # What does not reach the threshold gains nothing.
        gains = np.maximum(scores[np.ix_(rows, columns)] - self.threshold, 0)
        pairs = {int(rows[row]): int(columns[column]) for row, column in assign(gains)} if rows.size else {}
        results = []
        for row, of_query in enumerate(scores):
            column = pairs.get(row)
            matched = [(column, float(of_query[column]))] if column is not None and reached[row, column] else []
            results.append(_Ranked(matched, 0, self._closest(of_query)))
        return results

    def match(self, row: int, score: float, rank: int, *, short: bool = False) -> dict[str, Any]:
        return {"rank": rank, **self.texts[row].named(short=short), "score": score}

    def _scores(self, queries: NDArray[np.float32]) -> NDArray[np.float64]:
        scores: NDArray[np.float64] = np.clip(queries @ self.vectors.T, -1.0, 1.0).astype(np.float64).round(4)
        return scores

    def _ranked(self, scores: NDArray[np.float64]) -> _Ranked:
        reached = np.flatnonzero(scores >= self.threshold)
        best = reached[np.argsort(-scores[reached], kind="stable")][: self.top_k]
        rows = [(int(row), float(scores[row])) for row in best]
        return _Ranked(rows, reached.size - best.size, self._closest(scores))

    def _closest(self, scores: NDArray[np.float64]) -> tuple[int, float] | None:
        if not scores.size:
            return None
        row = int(scores.argmax())
        return row, float(scores[row])


def _of_one(ranked: _Ranked, found: _Candidates) -> dict[str, Any]:
    matches = [found.match(row, score, rank) for rank, (row, score) in enumerate(ranked.rows, 1)]
    notes = []
    if not matches and ranked.closest is not None:
        row, score = ranked.closest
        index = found.texts[row].index
        notes.append(
            f"no candidate reaches the threshold {found.threshold:g}; the closest is index {index} with {score:.2f}"
        )
    if ranked.more:
        notes.append(f"{ranked.more} more reach the threshold; raise `top_k` to see them")
    return {"matches": matches, "count": len(matches), "best": matches[0] if matches else None, "notes": notes}


def _of_several(queries: Sequence[Text], ranked: Sequence[_Ranked], found: _Candidates) -> dict[str, Any]:
    """Return the matches of each query, texts cut so that many fit into an agent's answer."""
    results = []
    for query, each in zip(queries, ranked, strict=True):
        matches = [found.match(row, score, rank, short=True) for rank, (row, score) in enumerate(each.rows, 1)]
        result = {**query.named(short=True), "matches": matches}
        if not matches and each.closest is not None:
            row, score = each.closest
            result["closest"] = {"index": found.texts[row].index, "score": score}
        results.append(result)
    unmatched = [query.index for query, each in zip(queries, ranked, strict=True) if not each.rows]
    notes = []
    if unmatched:
        notes.append(
            f"{len(unmatched)} of {len(queries)} queries have no match of their own that reaches {found.threshold:g}"
        )
    if any(each.more for each in ranked):
        notes.append("of some queries more candidates reach the threshold; raise `top_k` to see them")
    return {"results": results, "count": sum(len(each.rows) for each in ranked), "unmatched": unmatched, "notes": notes}
