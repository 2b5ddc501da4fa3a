"""Routes that look after the index: verify, repair, backup, restore, export, import. All are the owner's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from openclaw_instructor.server import schemas
from openclaw_instructor.server.routes.context import Context, Handlers
from openclaw_instructor.server.routes.route import ApiRoute, Json
from openclaw_instructor.server.security import AccessScope


def routes(context: Context) -> list[ApiRoute]:
    """Return the routes bound to a context. Files are named by their paths on this machine, so they need `admin`."""
    handlers = _Handlers(context)
    admin = AccessScope.ADMIN
    return [
        ApiRoute(
            *("POST", "/v1/index/verify", handlers.verify, "index_verify", "Check that the index is whole."),
            effect="read",
            scope=admin,
            body=schemas.IndexCheck,
        ),
        ApiRoute(
            *("POST", "/v1/index/repair", handlers.repair, "index_repair", "Mend a damaged index."),
            effect="destroy",
            scope=admin,
            body=schemas.IndexCheck,
        ),
        ApiRoute(
            *("POST", "/v1/index/backup", handlers.backup, "index_backup", "Copy the index to a file."),
            effect="write",
            scope=admin,
            body=schemas.IndexFile,
        ),
        ApiRoute(
            *("POST", "/v1/index/restore", handlers.restore, "index_restore", "Put a backup in place of the index."),
            effect="destroy",
            scope=admin,
            body=schemas.IndexFile,
        ),
        ApiRoute(
            *("POST", "/v1/index/export", handlers.export, "index_export", "Export collections for another home."),
            effect="write",
            scope=admin,
            body=schemas.IndexExport,
        ),
        ApiRoute(
            *("POST", "/v1/index/import", handlers.take, "index_import", "Import the collections of an export."),
            effect="destroy",
            scope=admin,
            body=schemas.IndexImport,
        ),
    ]


class _Handlers(Handlers):
    async def verify(self, request: Request) -> Response:
        body = await schemas.read(request, schemas.IndexCheck)
        return await self._answer(request, partial(self._toolbox.index_verify, full=body.full))

    async def repair(self, request: Request) -> Response:
        body = await schemas.read(request, schemas.IndexCheck)
        return await self._answer(request, partial(self._toolbox.index_repair, full=body.full))

    async def backup(self, request: Request) -> Response:
        body = await schemas.read(request, schemas.IndexFile)
        return await self._answer(request, partial(self._toolbox.index_backup, body.file))

    async def restore(self, request: Request) -> Response:
        body = await schemas.read(request, schemas.IndexFile)
        return await self._answer(request, partial(self._toolbox.index_restore, body.file))

    async def export(self, request: Request) -> Response:
        body = await schemas.read(request, schemas.IndexExport)
        return await self._answer(request, partial(self._toolbox.index_export, body.file, body.names))

    async def take(self, request: Request) -> Response:
        body = await schemas.read(request, schemas.IndexImport)
        take = partial(self._toolbox.index_import, body.file, body.roots, replace=body.replace)
        return await self._answer(request, take)

    async def _answer(self, request: Request, work: Callable[[], dict[str, Any]]) -> Response:
        return Json(await self._threads.run(request, work, long=True))
