"""Routes that show the service itself: health, metrics and its own description."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from openclaw_instructor.daemon.endpoint import CHALLENGE_HEADER
from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.server import openapi
from openclaw_instructor.server.metrics import CONTENT_TYPE
from openclaw_instructor.server.routes.context import Context
from openclaw_instructor.server.routes.route import ApiRoute, Json
from openclaw_instructor.server.security import PRINCIPAL, AccessScope

_LONGEST_CHALLENGE = 128


def routes(context: Context, others: Sequence[ApiRoute]) -> list[ApiRoute]:
    """Return the routes bound to a context; the description is of these and of `others`."""
    handlers = _Handlers(context)
    own = [
        ApiRoute(
            *("GET", "/health", handlers.health, "health", "Whether the service is up."), effect="read", scope=None
        ),
        ApiRoute(
            *("GET", "/metrics", handlers.metrics, "metrics", "Metrics for Prometheus."),
            effect="read",
            scope=AccessScope.READ,
            answer={"type": "string"},
            media="text/plain",
        ),
        ApiRoute(
            *("GET", "/openapi.json", handlers.openapi, "openapi", "This document."),
            effect="read",
            scope=AccessScope.READ,
        ),
    ]
    handlers.described = [*others, *own]
    return own


class _Handlers:
    def __init__(self, context: Context) -> None:
        self._context = context
        self.described: Sequence[ApiRoute] = ()

    async def health(self, request: Request) -> Response:
        """Return the health; for a challenge, also the proof that this daemon has the token."""
        known = request.scope.get(PRINCIPAL) is not None
        answer = await self._context.threads.probe(partial(self._context.health, known))
        challenge = request.headers.get(CHALLENGE_HEADER)
        if challenge is not None:
            if len(challenge) > _LONGEST_CHALLENGE:
                raise InvalidArguments(
                    f"`{CHALLENGE_HEADER}` is longer than {_LONGEST_CHALLENGE} characters; send less"
                )
            port = (request.scope.get("server") or ("", 0))[1] or 0
            answer["proof"] = self._context.prove(challenge, port)
        return Json(answer)

    async def metrics(self, request: Request) -> Response:
        return Response(self._context.metrics.expose(), media_type=CONTENT_TYPE)

    async def openapi(self, request: Request) -> Response:
        return Json(openapi.describe(self._context.toolbox.tools(), self.described))
