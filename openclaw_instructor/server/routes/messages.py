"""Routes that take a file of mail or texts: label its messages, or measure a task on those with labels."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePath
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.registry.kinds.classify import ClassifyTask
from openclaw_instructor.server import line_stream
from openclaw_instructor.server.request_body import FILE_TYPE
from openclaw_instructor.server.routes.context import Context
from openclaw_instructor.server.routes.route import ApiRoute, Json
from openclaw_instructor.server.security import AccessScope
from openclaw_instructor.tasks.teach import classify_task

_TASK = {"name": "task", "in": "query", "required": True, "schema": {"type": "string", "minLength": 1}}
_NAME = {"name": "name", "in": "query", "required": True, "schema": {"type": "string", "minLength": 1}}
_INSTRUCTION = {"name": "instruction", "in": "query", "required": False, "schema": {"type": "string"}}
_SUFFIXES = (".eml", ".emlx", ".msg", ".mbox", ".mbx", ".csv", ".tsv", ".jsonl", ".ndjson", ".txt", ".md", ".text")


def routes(context: Context) -> list[ApiRoute]:
    """Return the routes bound to a context. Their answers quote examples and corrections, which needs `write`."""
    handlers = _Handlers(context)
    return [
        ApiRoute(
            *("POST", "/v1/messages", handlers.inbox, "label_messages", "Label the messages of a file of mail."),
            effect="read",
            scope=AccessScope.WRITE,
            media=line_stream.MEDIA_TYPE,
            parameters=(_TASK, _NAME),
            body_media=FILE_TYPE,
        ),
        ApiRoute(
            *("POST", "/v1/tasks/evaluate", handlers.evaluate, "evaluate_task", "Measure a task on a labelled table."),
            effect="read",
            scope=AccessScope.WRITE,
            parameters=(_TASK, _NAME),
            body_media=FILE_TYPE,
        ),
        ApiRoute(
            *("POST", "/v1/tasks/tune", handlers.tune, "tune_task", "Compare ways to set a task up, on a table."),
            effect="read",
            scope=AccessScope.WRITE,
            media=line_stream.MEDIA_TYPE,
            parameters=(_TASK, _NAME, _INSTRUCTION),
            body_media=FILE_TYPE,
        ),
    ]


class _Handlers:
    def __init__(self, context: Context) -> None:
        self._threads = context.threads
        self._toolbox = context.toolbox

    async def inbox(self, request: Request) -> Response:
        """Answer with a line for each message, and a last one with their count."""
        from openclaw_instructor.tasks import inbox

        task, suffix, body = await self._asked(request)

        def work(tell: Callable[[Any], None]) -> Any:
            line: Any = None
            with _file(body, suffix) as path:
                for following in inbox.read(task, path, self._toolbox):
                    if line is not None:
                        tell(line)
                    line = following
            return line

        return line_stream.answer(self._threads, work)

    async def evaluate(self, request: Request) -> Response:
        task, suffix, body = await self._asked(request)
        return Json(await self._threads.run(request, partial(self._evaluate, task, suffix, body), long=True))

    def _evaluate(self, task: ClassifyTask, suffix: str, body: bytes) -> dict[str, Any]:
        from openclaw_instructor.tasks.classifier.evaluation import evaluate
        from openclaw_instructor.tasks.classifier.sources import labelled_items

        with _file(body, suffix) as path:
            return evaluate(task, labelled_items(path, is_mail=task.input == "email"), self._toolbox)

    async def tune(self, request: Request) -> Response:
        """Answer with lines of progress, and last the table of `tasks tune`; nothing is changed."""
        from openclaw_instructor.tasks.classifier import tuning
        from openclaw_instructor.tasks.classifier.sources import labelled_items

        task, suffix, body = await self._asked(request)
        instructions = [given] if (given := request.query_params.get("instruction", "").strip()) else []

        def work(tell: Callable[[Any], None]) -> Any:
            def on_progress(done: int, total: int, message: str) -> None:
                tell({"progress": (done, total, message)})

            with _file(body, suffix) as path:
                items = labelled_items(path, is_mail=task.input == "email")
                tuned = tuning.tune(task, items, self._toolbox, instructions=instructions, on_progress=on_progress)
            return tuned.table

        return line_stream.answer(self._threads, work, latest_only=True)

    async def _asked(self, request: Request) -> tuple[ClassifyTask, str, bytes]:
        self._toolbox.registry.refresh()
        task = classify_task(self._toolbox.registry, request.query_params.get("task", ""))
        name = request.query_params.get("name", "")
        suffix = PurePath(name).suffix.lower()
        if suffix not in _SUFFIXES:
            raise InvalidArguments(f"`name` is {name[:80]!r}; send a file of one of these: {', '.join(_SUFFIXES)}")
        return task, suffix, await request.body()


@contextmanager
def _file(body: bytes, suffix: str) -> Iterator[Path]:
    """Write what was sent to a file of this kind; its own name is not used."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"messages{suffix}"
        path.write_bytes(body)
        yield path
