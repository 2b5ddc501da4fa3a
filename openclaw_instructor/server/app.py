"""Assemble the ASGI application of a Toolbox: security, metrics, routes and MCP."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from functools import partial
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match, Mount, Route, Router

from openclaw_instructor.daemon.endpoint import agent_token, proof
from openclaw_instructor.daemon.wire_errors import body_of, headers_of, status_of, unexpected
from openclaw_instructor.engine import CancelScope
from openclaw_instructor.errors import InstructorError
from openclaw_instructor.index.names import collection_names
from openclaw_instructor.registry.agent_view import taken
from openclaw_instructor.server import mcp_app
from openclaw_instructor.server.idempotency import AnswerMemory
from openclaw_instructor.server.in_flight import InFlight
from openclaw_instructor.server.mcp_http import McpEndpoint
from openclaw_instructor.server.metrics import Metrics
from openclaw_instructor.server.refusal import openai_fields
from openclaw_instructor.server.request_body import BodyLimit
from openclaw_instructor.server.routes import tools
from openclaw_instructor.server.routes.context import Context, Health
from openclaw_instructor.server.routes.route import ApiRoute, Json
from openclaw_instructor.server.routes.table import routes
from openclaw_instructor.server.security import PRINCIPAL, AccessScope, Bearers, Guard, Principal, caller_of
from openclaw_instructor.server.sessions import Sessions
from openclaw_instructor.server.threadpool import ClientGone, ThreadPool, shutting_down
from openclaw_instructor.service import Toolbox

logger = logging.getLogger(__name__)

_SLOW = 1.0  # seconds after which a request is logged

Scope_ = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class App:
    """An ASGI application. `in_flight` says what it is doing; `mcp` reaches the connected MCP clients.

    `token` is the owner's. `base_url` is where a browser of this machine reaches it; only links for browsers need it.
    """

    def __init__(
        self,
        toolbox: Toolbox,
        token: str,
        health: Health,
        *,
        loopback: bool = True,
        base_url: Callable[[], str] = lambda: "",
        lost_log_lines: Callable[[], int] = lambda: 0,
    ) -> None:
        self.in_flight = InFlight()
        self.metrics = Metrics(toolbox.engine.stats, lost_log_lines)
        self._threads = ThreadPool(self.in_flight)
        agents = agent_token(token)
        sessions = Sessions()
        self._context = Context(
            toolbox, self._threads, self.metrics, health, sessions, partial(proof, agents), base_url
        )
        table = routes(self._context)
        self.mcp = McpEndpoint(toolbox.tools, self._run_for_mcp, partial(collection_names, toolbox.settings))
        memory = AnswerMemory()
        # Not wrapped in Starlette, whose middleware would handle errors again, at a cost.
        self._router = Router(
            [
                *(route.starlette_route(memory) for route in table),
                Route("/mcp", endpoint=_Endpoint(self.mcp)),
                Mount("/mcp", app=self.mcp),
            ]
        )
        self._templates = {route.endpoint: route.path for route in self._router.routes if isinstance(route, Route)}
        self._guarded = Guard(
            BodyLimit(self._router),
            Bearers(token, agents, AccessScope.of(toolbox.settings.agents_may)),
            is_open=_OpenPaths(table),
            session=sessions.principal,
            loopback=loopback,
        )

    async def __call__(self, scope: Scope_, receive: Receive, send: Send) -> None:
        """Answer a request, and count, time and log it."""
        if scope["type"] != "http":
            await self._router(scope, receive, send)
            return
        started = time.monotonic()
        # Health checks must not keep an idle daemon alive.
        if scope["path"] == "/health":
            status = await self._answer(scope, receive, send)
        else:
            with self.in_flight.request():
                status = await self._answer(scope, receive, send)
        seconds = time.monotonic() - started
        route = self._route_of(scope)
        method = scope["method"] if scope["method"] in ("GET", "HEAD", "POST", "DELETE", "OPTIONS") else "other"
        self.metrics.answered(route, method, status, seconds)
        # Log the template of the route, because a path may contain user input. Successful requests are only counted:
        # a log line for each would cost more than serving a small request.
        level = logging.INFO if status >= 400 or seconds > _SLOW else logging.DEBUG
        logger.log(level, "%s %s %s %.1f ms", method, route, status, seconds * 1000)

    async def _answer(self, scope: Scope_, receive: Receive, send: Send) -> int:
        """Answer a request and return the status that was sent; 499 when none was."""
        status = 499

        async def watched(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        # With an application in the scope, the router raises errors instead of answering plain text.
        scope["app"] = self
        try:
            await self._guarded(scope, receive, watched)
        except asyncio.CancelledError:
            # The grace period of a shutdown is over.
            if status != 499:
                raise
            await _failed(shutting_down())(scope, receive, watched)
        except Exception as error:
            if status != 499:
                raise
            await _failed(error)(scope, receive, watched)
        return status

    def _route_of(self, scope: Scope_) -> str:
        """Return the template of the route that answered, or that would have answered a refused request."""
        if (known := self._templates.get(scope.get("endpoint", _unrouted))) is not None:
            return known
        matching = (route for route in self._router.routes if route.matches(scope)[0] is not Match.NONE)
        return next((route.path for route in matching if isinstance(route, Route)), "unknown")

    async def _run_for_mcp(self, scope: Scope_, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        principal: Principal = scope[PRINCIPAL]
        toolbox = self._context.toolbox
        task = toolbox.registry.tasks.get(name)
        if task is None and name == mcp_app.CORRECT:
            principal.require(AccessScope.WRITE)
            teach = partial(toolbox.teach, *mcp_app.correction(arguments), source="mcp")
            return await self._threads.call(CancelScope(), teach)
        principal.require(AccessScope.needed_for(task.effect if task else "read"))
        given = taken(task.parameters(), arguments) if task else arguments
        work = partial(tools.run, self._context, name, given)
        size = tools.large_size(given)
        if not size:
            return await self._threads.call(CancelScope(), work, urgent=tools.is_urgent(task))
        async with self._threads.turns.turn(caller_of(scope), size):
            return await self._threads.call(CancelScope(), work)


class _OpenPaths:
    """Tells which requests need no token: those to routes declared without a scope."""

    def __init__(self, table: Sequence[ApiRoute]) -> None:
        paths = [(route.method, *route.path.partition("{")[:2]) for route in table if route.scope is None]
        self._exact = {(method, path) for method, path, more in paths if not more}
        self._prefixes = [(method, path) for method, path, more in paths if more]

    def __call__(self, method: str, path: str) -> bool:
        return (method, path) in self._exact or any(
            method == known and path.startswith(prefix) for known, prefix in self._prefixes
        )


class _Endpoint:
    """Marks an ASGI application as the endpoint of an exact route, whatever the method."""

    def __init__(self, app: McpEndpoint) -> None:
        self._app = app

    async def __call__(self, scope: Scope_, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


def _unrouted() -> None:
    """Serve as the endpoint of a request that matched no route."""


_REFUSALS = {
    404: ("not_found", "no such route; /openapi.json lists them"),
    405: ("method_not_allowed", "this route takes another method; /openapi.json says which"),
}


def _failed(error: Exception) -> Response:
    """Turn every exception into an error object; after a disconnect, into a response that nobody reads."""
    if isinstance(error, ClientGone):
        return Response(status_code=499)
    if isinstance(error, HTTPException):
        code, message = _REFUSALS.get(error.status_code, ("refused", "the request was refused"))
        found = {"code": code, "message": message} | openai_fields(error.status_code)
        return Json({"error": found}, error.status_code, error.headers)
    if not isinstance(error, InstructorError):
        logger.error("an unexpected error", exc_info=error)
        error = unexpected(error)
    status = status_of(error)
    described = body_of(error)
    described["error"] |= openai_fields(status, getattr(error, "param", None))
    return Json(described, status, headers_of(error))
