"""Routes that tune a task: compare ways to set it up on a table, and put the one that won in force."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.registry.kinds.classify import ClassifyTask
from openclaw_instructor.server import line_stream, schemas, task_schemas
from openclaw_instructor.server.request_body import FILE_TYPE
from openclaw_instructor.server.routes import uploads
from openclaw_instructor.server.routes.context import Context, Handlers
from openclaw_instructor.server.routes.route import ApiRoute, Json
from openclaw_instructor.server.security import AccessScope
from openclaw_instructor.tasks.teach import classify_task

if TYPE_CHECKING:
    from openclaw_instructor.tasks.classifier.tuning import Tuned

_INSTRUCTION = {"name": "instruction", "in": "query", "required": False, "schema": {"type": "string"}}
# Comparisons that may still be applied; each holds its texts.
_KEPT = 4


def routes(context: Context) -> list[ApiRoute]:
    """Return the routes bound to a context."""
    handlers = _Handlers(context)
    return [
        ApiRoute(
            *("POST", "/v1/tasks/tune", handlers.tune, "tune_task", "Compare ways to set a task up, on a table."),
            effect="read",
            scope=AccessScope.WRITE,
            media=line_stream.MEDIA_TYPE,
            parameters=(uploads.TASK, uploads.NAME, _INSTRUCTION),
            body_media=FILE_TYPE,
        ),
        ApiRoute(
            *("POST", "/v1/tasks/tune/apply", handlers.apply, "apply_tuning", "Put what won a comparison in force."),
            effect="write",
            scope=AccessScope.ADMIN,
            body=task_schemas.TuningId,
        ),
    ]


class _Handlers(Handlers):
    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._tuned: OrderedDict[str, tuple[ClassifyTask, Tuned]] = OrderedDict()

    async def tune(self, request: Request) -> Response:
        """Answer with lines of progress, and last the table of `tasks tune` with what applying it would do.

        Nothing is changed.
        """
        task, suffix, body = await uploads.asked(request, self._toolbox)
        instructions = [given] if (given := request.query_params.get("instruction", "").strip()) else []
        return line_stream.answer(
            self._threads, partial(self._compare, task, suffix, body, instructions), latest_only=True
        )

    def _compare(
        self, task: ClassifyTask, suffix: str, body: bytes, instructions: list[str], tell: Callable[[Any], None]
    ) -> Any:
        from openclaw_instructor.tasks.classifier import tuned, tuning
        from openclaw_instructor.tasks.classifier.sources import labelled_items

        with uploads.file(body, suffix) as path:
            items = labelled_items(path, is_mail=task.input == "email")
            found = tuning.tune(
                task, items, self._toolbox, instructions=instructions, on_progress=line_stream.progress(tell)
            )
        key = secrets.token_urlsafe(12)
        self._tuned[key] = (task, found)
        while len(self._tuned) > _KEPT:
            self._tuned.popitem(last=False)
        teaches = len(found.texts) if found.winner.taught else 0
        return found.table | {
            "id": key,
            "changes": tuned.changes(task, found, self._toolbox),
            "teaches": teaches,
            "file": str(self._toolbox.settings.instructions_path),
        }

    async def apply(self, request: Request) -> Response:
        body = await schemas.read(request, task_schemas.TuningId)
        return Json(await self._threads.run(request, partial(self._apply, body.id)))

    def _apply(self, key: str) -> dict[str, Any]:
        from openclaw_instructor.tasks.classifier import tuned

        if key not in self._tuned:
            raise InvalidArguments("this comparison is not kept any more; compare again, then apply", "id")
        task, found = self._tuned[key]
        registry = self._toolbox.registry
        registry.refresh()
        if classify_task(registry, task.name) != task:
            raise InvalidArguments(f"`{task.name}` was edited since it was compared; compare again, then apply", "id")
        done = tuned.apply(task, found, self._toolbox)
        del self._tuned[key]
        registry.refresh()
        return {"done": done}
