"""Kind `rerank`: order documents by how well they answer a query, as POST /v1/rerank does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openclaw_instructor.tasks import doubts
from openclaw_instructor.tasks.texts import read_texts

if TYPE_CHECKING:
    from openclaw_instructor.engine.rerankers import Reranker
    from openclaw_instructor.registry.kinds.rerank import RerankTask
    from openclaw_instructor.tasks.runners import Resources


@dataclass(frozen=True)
class Ranking:
    """Documents as (place, score), best first; `truncated` are the places of those cut short."""

    model: str
    order: list[tuple[int, float]]
    truncated: list[int]


def rank(reranker: Reranker, query: str, documents: Sequence[str], instructions: tuple[str, str]) -> Ranking:
    """Order documents under the instructions of queries and of documents; equal scores keep their order."""
    found = reranker.rerank(query, documents, *instructions)
    order = sorted(enumerate(found.scores), key=lambda scored: -scored[1])
    return Ranking(found.model, order, found.truncated)


def run(task: RerankTask, arguments: Mapping[str, Any], resources: Resources) -> dict[str, Any]:
    """Order `documents` by how well they answer `query`.

    A score is the cosine of the embeddings, or what the cross-encoder of the setting `reranker` gives. `index` is the
    position in `documents`; `truncated` lists the positions of those that the model did not read to their end.
    """
    documents, notes = read_texts(arguments["documents"])
    texts = [document.text for document in documents]
    checkpoint = resources.reranking_checkpoint
    instructions = task.instruction("query", checkpoint), task.instruction("document", checkpoint)
    ranking = rank(resources.reranker, arguments["query"], texts, instructions)
    top_k = arguments.get("top_k", task.top_k)
    results = [
        {"rank": number, **documents[place].named(short=True), "score": round(score, 4)}
        for number, (place, score) in enumerate(ranking.order[:top_k], 1)
    ]
    if ranking.truncated:
        notes.append(f"{len(ranking.truncated)} document(s) are longer than the model reads; their ends were left out")
    notes += doubts.of_languages(arguments["query"], texts, checkpoint, found=True)
    return {
        "results": results,
        "count": len(results),
        "of": len(documents),
        "model": ranking.model,
        "truncated": [documents[place].index for place in ranking.truncated],
        "task": task.name,
        "notes": notes,
    }
