"""Route of typed decisions: choices, scores and yes or no about one piece of evidence."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from openclaw_instructor.server import schemas
from openclaw_instructor.server.routes.context import Context, Handlers
from openclaw_instructor.server.routes.route import ApiRoute, Json
from openclaw_instructor.server.security import AccessScope


def routes(context: Context) -> list[ApiRoute]:
    """Return the routes bound to a context."""
    handlers = _Handlers(context)
    return [
        ApiRoute(
            *("POST", "/v1/decisions", handlers.decide, "decisions", "Answer typed questions about some evidence."),
            effect="read",
            scope=AccessScope.READ,
            body=schemas.DecisionsRequest,
        ),
    ]


class _Handlers(Handlers):
    async def decide(self, request: Request) -> Response:
        body = await schemas.read(request, schemas.DecisionsRequest)
        work = partial(self._toolbox.decide, body.state, body.questions, body.model)
        return Json(await self._threads.run(request, work))
