"""Routes of what is taught: list it, teach, make a rule for a sender, take one back."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from openclaw_instructor.server import schemas, task_schemas
from openclaw_instructor.server.routes.context import Context, Handlers
from openclaw_instructor.server.routes.route import ApiRoute, Json
from openclaw_instructor.server.security import AccessScope

_TASK = {"name": "task", "in": "query", "required": False, "schema": {"type": "string", "minLength": 1}}


def routes(context: Context) -> list[ApiRoute]:
    """Return the routes bound to a context. Corrections hold the texts of mail, so reading them needs `write` too."""
    handlers = _Handlers(context)
    return [
        ApiRoute(
            *("GET", "/v1/corrections", handlers.report, "corrections", "What was taught, and what it tells."),
            effect="read",
            scope=AccessScope.WRITE,
            parameters=(_TASK,),
        ),
        ApiRoute(
            *("POST", "/v1/corrections", handlers.teach, "teach", "Teach a task the label of a message."),
            effect="write",
            scope=AccessScope.WRITE,
            body=task_schemas.Teach,
        ),
        ApiRoute(
            *("POST", "/v1/corrections/rule", handlers.add_rule, "add_rule", "Give all mail of a sender one label."),
            effect="write",
            scope=AccessScope.WRITE,
            body=task_schemas.SenderRule,
        ),
        ApiRoute(
            *("POST", "/v1/corrections/undo", handlers.undo, "undo_correction", "Take a correction or rule back."),
            effect="write",
            scope=AccessScope.WRITE,
            body=task_schemas.CorrectionId,
        ),
    ]


class _Handlers(Handlers):
    async def report(self, request: Request) -> Response:
        task = request.query_params.get("task")
        return Json(await self._threads.run(request, partial(self._toolbox.corrections_report, task)))

    async def teach(self, request: Request) -> Response:
        body = await schemas.read(request, task_schemas.Teach)
        work = partial(self._toolbox.teach, body.task, body.label, body.message, source="http")
        return Json(await self._threads.run(request, work))

    async def add_rule(self, request: Request) -> Response:
        body = await schemas.read(request, task_schemas.SenderRule)
        work = partial(self._toolbox.add_rule, body.task, body.sender, body.label, source="http")
        return Json(await self._threads.run(request, work))

    async def undo(self, request: Request) -> Response:
        body = await schemas.read(request, task_schemas.CorrectionId)
        return Json(await self._threads.run(request, partial(self._toolbox.undo_correction, body.id)))
