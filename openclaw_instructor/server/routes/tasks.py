"""Routes of the tasks themselves: what they are, what an edit would make of them, and trying one that is not saved."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.registry import trial
from openclaw_instructor.registry.examples import write_example
from openclaw_instructor.registry.new_entry import write_checked
from openclaw_instructor.server import mcp_content, schemas, task_schemas
from openclaw_instructor.server.routes.context import Context, Handlers
from openclaw_instructor.server.routes.route import ApiRoute, Json
from openclaw_instructor.server.security import AccessScope

if TYPE_CHECKING:
    from openclaw_instructor.registry.task import Task


def routes(context: Context) -> list[ApiRoute]:
    """Return the routes bound to a context. Entries hold examples, which may be mail, so the file needs `write`."""
    handlers = _Handlers(context)
    return [
        ApiRoute(
            *("GET", "/v1/tasks", handlers.tasks, "tasks", "The tasks in force with their instructions."),
            effect="read",
            scope=AccessScope.READ,
        ),
        ApiRoute(
            *("POST", "/v1/tasks/try", handlers.try_, "try_task", "Run a task as it would be with an edit."),
            effect="read",
            scope=AccessScope.READ,
            body=task_schemas.TryTask,
        ),
        ApiRoute(
            *("GET", "/v1/tasks/file", handlers.file, "tasks_file", "The owner's instructions.yaml."),
            effect="read",
            scope=AccessScope.WRITE,
        ),
        ApiRoute(
            *("POST", "/v1/tasks/check", handlers.check, "check_tasks", "What is wrong with an instructions.yaml."),
            effect="read",
            scope=AccessScope.READ,
            body=task_schemas.TasksText,
        ),
        ApiRoute(
            *("POST", "/v1/tasks/file", handlers.write, "write_tasks", "Replace the owner's instructions.yaml."),
            effect="write",
            scope=AccessScope.ADMIN,
            body=task_schemas.TasksEdit,
        ),
        ApiRoute(
            *("POST", "/v1/tasks/example", handlers.example, "add_example", "Add an example to a classify task."),
            effect="write",
            scope=AccessScope.ADMIN,
            body=task_schemas.TaskExample,
        ),
    ]


class _Handlers(Handlers):
    async def tasks(self, request: Request) -> Response:
        registry = self._toolbox.registry
        await self._threads.run(request, registry.refresh)
        tasks = [_described(task) for task in registry.tasks.values()]
        return Json({"tasks": tasks, "problem": registry.problem})

    async def try_(self, request: Request) -> Response:
        body = await schemas.read(request, task_schemas.TryTask)
        work = partial(self._toolbox.try_task, body.task, body.arguments, changes=body.changes, text=body.text)
        return Json(await self._threads.run(request, work))

    async def file(self, request: Request) -> Response:
        path = self._toolbox.settings.instructions_path
        return Json({"file": str(path), "text": await self._threads.run(request, self._own_text)})

    async def check(self, request: Request) -> Response:
        body = await schemas.read(request, task_schemas.TasksText)
        path = self._toolbox.settings.instructions_path
        tasks, problems = await self._threads.run(request, partial(trial.checked, path, body.text))
        described = [_described(task) for task in tasks.values()]
        return Json({"problems": [problem.as_dict() for problem in problems], "tasks": described})

    async def write(self, request: Request) -> Response:
        body = await schemas.read(request, task_schemas.TasksEdit)
        path = self._toolbox.settings.instructions_path

        def write() -> None:
            if self._own_text() != body.before:
                raise InvalidArguments(f"{path} was changed meanwhile; load it again, then repeat the edit")
            write_checked(path, body.text)
            self._toolbox.registry.refresh()

        await self._threads.run(request, write)
        return Json({"file": str(path), "written": True})

    async def example(self, request: Request) -> Response:
        body = await schemas.read(request, task_schemas.TaskExample)
        path, registry = self._toolbox.settings.instructions_path, self._toolbox.registry
        await self._threads.run(request, partial(write_example, path, registry, body.task, body.label, body.text))
        registry.refresh()
        return Json({"task": body.task, "label": body.label, "file": str(path)})

    def _own_text(self) -> str:
        path = self._toolbox.settings.instructions_path
        return path.read_text(encoding="utf-8-sig", errors="replace") if path.exists() else ""


def _described(task: Task) -> dict[str, Any]:
    """Say what a task is without its examples; `tool` is what an agent's host sends to the model."""
    (tool,) = mcp_content.listing([task.tool_spec()])
    return {
        "name": task.name,
        "kind": task.kind,
        "effect": task.effect,
        "instructions": {role: task.instruction(role).strip() for role in task.roles},
        "labels": [label.name for label in getattr(task, "labels", ())],
        "collection": task.searches,
        "tool": tool,
    }
