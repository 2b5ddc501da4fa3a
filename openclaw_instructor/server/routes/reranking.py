"""Route of the reranker: order documents by how well they answer a query."""

from __future__ import annotations

from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.server import schemas
from openclaw_instructor.server.routes.context import Context, Handlers
from openclaw_instructor.server.routes.route import ApiRoute, Json
from openclaw_instructor.server.security import AccessScope


def routes(context: Context) -> list[ApiRoute]:
    """Return the routes bound to a context."""
    handlers = _Handlers(context)
    return [
        ApiRoute(
            *("POST", "/v1/rerank", handlers.rerank, "rerank", "Order documents by how well they answer a query."),
            effect="read",
            scope=AccessScope.READ,
            body=schemas.RerankRequest,
            answer=schemas.RERANKED,
        ),
    ]


class _Handlers(Handlers):
    async def rerank(self, request: Request) -> Response:
        body = await schemas.read(request, schemas.RerankRequest)
        if not body.query.strip():
            raise InvalidArguments("`query` is empty; say what the documents are to answer")
        texts = body.texts
        found = await self._threads.run(request, partial(self._toolbox.rerank, body.query, texts))
        results: list[dict[str, Any]] = []
        for index, score in found.order[: body.top_n]:
            shown = {"document": {"text": texts[index]}} if body.return_documents else {}
            results.append({"index": index, "relevance_score": round(score, 6), **shown})
        return Json({"model": found.model, "results": results, "truncated": found.truncated})
