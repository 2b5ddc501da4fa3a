"""Routes of the index: list, add, sync and remove collections."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.server import line_stream, schemas
from openclaw_instructor.server.routes.context import Context, Handlers
from openclaw_instructor.server.routes.route import ApiRoute, Json
from openclaw_instructor.server.security import AccessScope

_NAME = {"name": "name", "in": "query", "required": False, "schema": {"type": "string", "minLength": 1}}

_FILE = {"name": "file", "in": "query", "required": True, "schema": {"type": "string", "minLength": 1}}
_FROM = {"name": "from", "in": "query", "required": False, "schema": {"type": "integer", "minimum": 0}}
_MOST_PASSAGES = 50
_PATH = {"name": "path", "in": "query", "required": False, "schema": {"type": "string", "minLength": 1}}


def routes(context: Context) -> list[ApiRoute]:
    """Return the routes bound to a context. Only the owner may add folders, because they can be any path."""
    handlers = _Handlers(context)
    return [
        ApiRoute(
            *("GET", "/v1/index", handlers.status, "index_status", "The collections."),
            effect="read",
            scope=AccessScope.READ,
            parameters=(_NAME,),
        ),
        ApiRoute(
            *("POST", "/v1/index/add", handlers.add, "index_add", "Register folders as a collection."),
            effect="write",
            scope=AccessScope.ADMIN,
            body=schemas.IndexAdd,
        ),
        ApiRoute(
            *("POST", "/v1/index/sync", handlers.sync, "index_sync", "Bring collections up to date."),
            effect="write",
            scope=AccessScope.WRITE,
            body=schemas.IndexSync,
        ),
        ApiRoute(
            *(
                "GET",
                "/v1/index/files",
                handlers.files,
                "index_files",
                "The files of the collections, with their states.",
            ),
            effect="read",
            scope=AccessScope.READ,
            parameters=(_NAME, _PATH),
        ),
        ApiRoute(
            *("GET", "/v1/index/passages", handlers.passages, "passages", "The passages of a file, as they were cut."),
            effect="read",
            scope=AccessScope.READ,
            parameters=(_FILE, _NAME, _FROM),
        ),
        ApiRoute(
            *("POST", "/v1/index/inspect", handlers.inspect, "index_inspect", "Search, and say where a file was lost."),
            effect="read",
            scope=AccessScope.READ,
            body=schemas.IndexInspect,
        ),
        ApiRoute(
            *(
                "POST",
                "/v1/index/compact",
                handlers.compact,
                "index_compact",
                "Give back the room of what was deleted.",
            ),
            effect="write",
            scope=AccessScope.ADMIN,
            body=schemas.Nothing,
        ),
        ApiRoute(
            *("POST", "/v1/index/remove", handlers.remove, "index_remove", "Forget a collection."),
            effect="destroy",
            scope=AccessScope.ADMIN,
            body=schemas.IndexName,
        ),
    ]


class _Handlers(Handlers):
    async def status(self, request: Request) -> Response:
        name = request.query_params.get("name")
        states = await self._threads.run(request, lambda: self._toolbox.index_status(name))
        return Json({"collections": [state.as_dict() for state in states]})

    async def files(self, request: Request) -> Response:
        name, path = request.query_params.get("name"), request.query_params.get("path")
        states = await self._threads.run(request, lambda: self._toolbox.index_files(name, path))
        return Json({"files": [state.as_dict() for state in states]})

    async def passages(self, request: Request) -> Response:
        asked = request.query_params
        file, first = asked.get("file", ""), asked.get("from", "0")
        if not file or not first.isdecimal() or len(first) > 9:
            raise InvalidArguments("`file` names an indexed file, and `from` is a whole number, the passages to skip")
        catalogue = self._toolbox.index.catalogue
        find = partial(catalogue.passages, file, asked.get("name") or "*", int(first), _MOST_PASSAGES)
        return Json(await self._threads.run(request, find))

    async def inspect(self, request: Request) -> Response:
        body = await schemas.read(request, schemas.IndexInspect)
        inspect = partial(self._toolbox.index_inspect, body.task, body.arguments, body.expect, body.changes)
        return Json(await self._threads.run(request, inspect))

    async def compact(self, request: Request) -> Response:
        await schemas.read(request, schemas.Nothing)
        return Json(await self._threads.run(request, self._toolbox.index_compact, long=True))

    async def add(self, request: Request) -> Response:
        body = await schemas.read(request, schemas.IndexAdd)
        add = partial(self._toolbox.index_add, body.name, body.folders, body.include, body.exclude)
        await self._threads.run(request, add)
        return Json({"name": body.name, "added": True})

    async def remove(self, request: Request) -> Response:
        body = await schemas.read(request, schemas.IndexName)
        await self._threads.run(request, partial(self._toolbox.index_remove, body.name, body.folder))
        return Json({"name": body.name, "removed": True})

    async def sync(self, request: Request) -> Response:
        """Return the report; to `Accept: application/x-ndjson`, lines of progress and then the report."""
        body = await schemas.read(request, schemas.IndexSync)
        if "ndjson" in request.headers.get("accept", ""):

            def sync(tell: Callable[[Any], None]) -> dict[str, Any]:
                return self._toolbox.index_sync(body.name, line_stream.progress(tell), full=body.full).as_dict()

            return line_stream.answer(self._threads, sync, latest_only=True)
        quietly = partial(self._toolbox.index_sync, body.name, full=body.full)
        report = await self._threads.run_shared(request, ("sync", body.name, body.full), quietly)
        return Json(report.as_dict())
