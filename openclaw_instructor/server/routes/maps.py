"""The route of the map: passages of a collection, or examples of a task, in the plane."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.server import line_stream, schemas, task_schemas
from openclaw_instructor.server.routes.context import Context, Handlers
from openclaw_instructor.server.routes.route import ApiRoute
from openclaw_instructor.server.security import PRINCIPAL, AccessScope, Principal
from openclaw_instructor.tasks.teach import classify_task


def routes(context: Context) -> list[ApiRoute]:
    """Return the route bound to a context."""
    return [
        ApiRoute(
            *(
                "POST",
                "/v1/map",
                _Handler(context).map,
                "text_map",
                "Texts in the plane, by one instruction or two.",
            ),
            effect="read",
            scope=AccessScope.READ,
            body=task_schemas.TextMap,
            media=line_stream.MEDIA_TYPE,
        )
    ]


class _Handler(Handlers):
    async def map(self, request: Request) -> Response:
        """Answer with lines: the points, the principal components, progress, and UMAP if that was asked for."""
        from openclaw_instructor.tasks import text_map

        body = await schemas.read(request, task_schemas.TextMap)
        if (body.collection is None) == (body.task is None):
            raise InvalidArguments("give either `collection` or `task`: what the map is to show")
        if body.task is not None:
            # Examples and corrections may be mail.
            principal: Principal = request.scope[PRINCIPAL]
            principal.require(AccessScope.WRITE)

        def work(tell: Callable[[Any], None]) -> Any:
            if body.task is not None:
                texts = text_map.of_task(self._toolbox, classify_task(self._toolbox.registry, body.task))
            else:
                name = body.collection or ""
                texts = text_map.of_collection(
                    self._toolbox, name, body.points, with_texts=body.instruction is not None
                )
            for line in text_map.maps(texts, body.instruction, body.method, self._toolbox):
                tell(line)
            return {"done": True}

        return line_stream.answer(self._threads, work)
