"""Define a route: path, handler, effect, required scope and description.

The table of routes in this package is the only place that names them; the router, the guard of scopes, idempotency keys
and /openapi.json follow from it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from openclaw_instructor import timezone
from openclaw_instructor.registry.tool_spec import Effect
from openclaw_instructor.server.http_protocol import HANG_UPS
from openclaw_instructor.server.idempotency import HEADER, AnswerMemory
from openclaw_instructor.server.security import PRINCIPAL, AccessScope, Principal
from openclaw_instructor.text import clean_all

Handler = Callable[[Request], Awaitable[Response]]
Schema = dict[str, Any]
ANY_OBJECT: Schema = {"type": "object"}


class Json(Response):
    """A JSON body; numpy rows are written as lists."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Encode the content as JSON, NumPy arrays included."""
        try:
            return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
        except orjson.JSONEncodeError:
            # Lone surrogates, from a header or a file name, cannot be encoded.
            return orjson.dumps(clean_all(content), option=orjson.OPT_SERIALIZE_NUMPY)


@dataclass(frozen=True)
class ApiRoute:
    """One method of one path.

    `scope` None opens the route to everybody. `effect_of` gives the effect of one request where that depends on it; the
    caller then needs the scope for that effect. `body`, `body_media`, `answer`, `media` and `parameters` describe it;
    an empty `summary` leaves it out of the description.
    """

    method: str
    path: str
    handler: Handler
    name: str
    summary: str
    effect: Effect
    scope: AccessScope | None
    body: type[BaseModel] | None = None
    answer: Schema = field(default_factory=lambda: ANY_OBJECT)
    media: str = "application/json"
    body_media: str = ""
    parameters: tuple[Schema, ...] = ()
    effect_of: Callable[[Request], Effect] | None = None

    def starlette_route(self, memory: AnswerMemory) -> Route:
        """Make a Starlette route that checks scope and idempotency key before the handler."""

        async def endpoint(request: Request) -> Response:
            with timezone.of_caller(request.headers.get(timezone.HEADER)):
                return await answer(request)

        async def answer(request: Request) -> Response:
            effect = self.effect_of(request) if self.effect_of else self.effect
            principal: Principal | None = request.scope.get(PRINCIPAL)
            if self.scope is not None:
                assert principal is not None, "the guard lets nobody else in"
                principal.require(max(self.scope, AccessScope.needed_for(effect)) if self.effect_of else self.scope)
            key = request.headers.get(HEADER)
            if key is None or effect == "read" or principal is None:
                return await self.handler(request)
            body = await request.body()
            # Finish the work even if this client disconnects, for when it repeats the request.
            request.scope[HANG_UPS] = set()
            identity = (principal.name, principal.csrf, self.method, request.url.path, request.url.query, key)
            return await memory.answer(identity, body, lambda: self.handler(request))

        return Route(self.path, endpoint, methods=[self.method], name=self.name)
