"""Routes that take a file of mail or texts: label its messages, or measure a task on those with labels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from openclaw_instructor.registry.kinds.classify import ClassifyTask
from openclaw_instructor.server import line_stream
from openclaw_instructor.server.request_body import FILE_TYPE
from openclaw_instructor.server.routes import uploads
from openclaw_instructor.server.routes.context import Context, Handlers
from openclaw_instructor.server.routes.route import ApiRoute, Json
from openclaw_instructor.server.security import AccessScope


def routes(context: Context) -> list[ApiRoute]:
    """Return the routes bound to a context. Their answers quote examples and corrections, which needs `write`."""
    handlers = _Handlers(context)
    return [
        ApiRoute(
            *("POST", "/v1/messages", handlers.inbox, "label_messages", "Label the messages of a file of mail."),
            effect="read",
            scope=AccessScope.WRITE,
            media=line_stream.MEDIA_TYPE,
            parameters=(uploads.TASK, uploads.NAME),
            body_media=FILE_TYPE,
        ),
        ApiRoute(
            *("POST", "/v1/tasks/evaluate", handlers.evaluate, "evaluate_task", "Measure a task on a labelled table."),
            effect="read",
            scope=AccessScope.WRITE,
            parameters=(uploads.TASK, uploads.NAME),
            body_media=FILE_TYPE,
        ),
    ]


class _Handlers(Handlers):
    async def inbox(self, request: Request) -> Response:
        """Answer with a line for each message, and a last one with their count."""
        from openclaw_instructor.tasks import inbox

        task, suffix, body = await uploads.asked(request, self._toolbox)

        def work(tell: Callable[[Any], None]) -> Any:
            line: Any = None
            with uploads.file(body, suffix) as path:
                for following in inbox.read(task, path, self._toolbox):
                    if line is not None:
                        tell(line)
                    line = following
            return line

        return line_stream.answer(self._threads, work)

    async def evaluate(self, request: Request) -> Response:
        task, suffix, body = await uploads.asked(request, self._toolbox)
        return Json(await self._threads.run(request, partial(self._evaluate, task, suffix, body), long=True))

    def _evaluate(self, task: ClassifyTask, suffix: str, body: bytes) -> dict[str, Any]:
        from openclaw_instructor.tasks.classifier.evaluation import evaluate
        from openclaw_instructor.tasks.classifier.sources import labelled_items

        with uploads.file(body, suffix) as path:
            return evaluate(task, labelled_items(path, is_mail=task.input == "email"), self._toolbox)
