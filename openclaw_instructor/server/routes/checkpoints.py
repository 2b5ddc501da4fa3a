"""Routes that compare checkpoints: which are on this machine, and what a search finds under another one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import PurePath
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.registry.arguments import validate
from openclaw_instructor.server import line_stream, schemas, task_schemas
from openclaw_instructor.server.routes.context import Context, Handlers
from openclaw_instructor.server.routes.route import ApiRoute, Json
from openclaw_instructor.server.security import PRINCIPAL, AccessScope, Principal
from openclaw_instructor.tasks import search
from openclaw_instructor.untrusted import marked


def routes(context: Context) -> list[ApiRoute]:
    """Return the routes bound to a context. A second model takes memory, so a caller that only reads loads none."""
    handlers = _Handlers(context)
    return [
        ApiRoute(
            *("GET", "/v1/checkpoints", handlers.checkpoints, "checkpoints", "The checkpoints on this machine."),
            effect="read",
            scope=AccessScope.READ,
        ),
        ApiRoute(
            *("POST", "/v1/checkpoints/search", handlers.search, "search_under", "Search as another checkpoint would."),
            effect="read",
            scope=AccessScope.WRITE,
            body=task_schemas.SearchUnder,
            media=line_stream.MEDIA_TYPE,
        ),
    ]


class _Handlers(Handlers):
    async def checkpoints(self, request: Request) -> Response:
        return Json({"checkpoints": await self._threads.run(request, self._installed)})

    def _installed(self) -> list[dict[str, Any]]:
        from openclaw_instructor.model import installed

        used = self._toolbox.settings.checkpoint
        found = installed.installed(self._toolbox.settings)
        return [installed.described(each) | {"used": each.name == used} for each in found]

    async def search(self, request: Request) -> Response:
        """Answer with lines of progress, and last with the result."""
        body = await schemas.read(request, task_schemas.SearchUnder)
        if PurePath(body.checkpoint).is_absolute():
            # Whoever names a path of the disk has to be its owner.
            principal: Principal = request.scope[PRINCIPAL]
            principal.require(AccessScope.ADMIN)
        elif body.checkpoint not in await self._threads.run(request, self._names):
            raise InvalidArguments(
                f"checkpoint {body.checkpoint[:100]!r} is not on this machine; `openclaw-instructor model list` shows "
                "what is, and `openclaw-instructor model pull` gets one",
                "checkpoint",
            )
        return line_stream.answer(self._threads, partial(self._search, body), latest_only=True)

    def _names(self) -> set[str]:
        return {each["name"] for each in self._installed()}

    def _search(self, body: task_schemas.SearchUnder, tell: Callable[[Any], None]) -> dict[str, Any]:
        self._toolbox.registry.refresh()
        task = search.changed(self._toolbox.registry, body.task, body.changes)
        engine = self._toolbox.second_engine.of(body.checkpoint)
        arguments = validate(task, body.arguments)
        told = line_stream.progress(tell)
        return marked(search.under(task, arguments, self._toolbox, engine, told, body.expect))
