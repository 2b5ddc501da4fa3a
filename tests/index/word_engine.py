"""Ask an index over the engine of word hashes."""

from __future__ import annotations

from typing import Any

from openclaw_instructor.index import Index
from openclaw_instructor.testing import WordEngine as WordEngine

DOCUMENT = "Represent the document for retrieval: "
QUERY = "Represent the question for retrieving supporting documents: "


def ask(index: Index, query: str, collection: str | None = "docs", **options: Any) -> dict[str, Any]:
    return index.search(query, collection=collection, query_instruction=QUERY, **options).as_dict()
