"""Routes of the tools: list them, run one."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import CancelledError
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from openclaw_instructor.documents.limits import SMALL_MAIL_BYTES
from openclaw_instructor.errors import InstructorError, InvalidArguments
from openclaw_instructor.registry import Task
from openclaw_instructor.registry.agent_view import taken
from openclaw_instructor.registry.tool_spec import Effect
from openclaw_instructor.server import schemas
from openclaw_instructor.server.mcp_content import fit, for_agents
from openclaw_instructor.server.routes.context import Context
from openclaw_instructor.server.routes.route import ApiRoute, Json
from openclaw_instructor.server.security import AccessScope

_LEAST_CHARACTERS = 500
# A text of this size may be a mail that is read in a child process; a character has up to four bytes.
LARGE_CHARACTERS = SMALL_MAIL_BYTES // 4


def routes(context: Context) -> list[ApiRoute]:
    """Return the routes bound to a context. The described form of the second is one operation a tool, in `openapi`."""
    handlers = _Handlers(context)
    return [
        ApiRoute(
            *("POST", "/v1/tools/{name}", handlers.run_tool, "run_tool", ""),
            effect="read",
            scope=AccessScope.READ,
            effect_of=handlers.effect_of,
        ),
        ApiRoute(
            *("GET", "/v1/tools", handlers.tools, "tools", "The tasks in force and their argument schemas."),
            effect="read",
            scope=AccessScope.READ,
        ),
    ]


def run(context: Context, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Run a task and count it; blocking. The MCP endpoint calls it too."""
    outcome = "error"
    try:
        result = context.toolbox.run(name, arguments)
        outcome = "ok"
        return result
    except (InstructorError, CancelledError) as error:
        outcome = getattr(error, "code", "cancelled")
        raise
    finally:
        known = name if name in context.toolbox.registry.tasks else "unknown"
        context.metrics.calls.labels(known, outcome).inc()


def large_size(arguments: Mapping[str, Any]) -> int:
    """Return the characters of the longest text of a call, if it may take seconds to read; else 0."""
    longest = max((len(value) for value in arguments.values() if isinstance(value, str)), default=0)
    return longest if longest > LARGE_CHARACTERS else 0


def is_urgent(task: Task | None) -> bool:
    """Whether a call of this task goes before other work: a search."""
    return task is not None and task.searches is not None


class _Handlers:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._toolbox = context.toolbox

    def effect_of(self, request: Request) -> Effect:
        """Return the effect of the named task. Raises UnknownTask."""
        task = self._toolbox.registry.tasks.get(request.path_params["name"])
        return task.effect if task else "read"

    async def tools(self, request: Request) -> Response:
        specs = [spec.as_dict() for spec in self._toolbox.tools()]
        registry = self._toolbox.registry
        return Json({"tools": specs, "digest": registry.digest, "problem": registry.problem})

    async def run_tool(self, request: Request) -> Response:
        """Return the result; with `max_characters` within that length, as over MCP."""
        limit = _max_characters(request)
        name = request.path_params["name"]
        arguments = await schemas.read_object(request)
        task = self._toolbox.registry.tasks.get(name)
        if limit is not None and task:
            arguments = taken(task.parameters(), arguments)
        work = partial(run, self._context, name, arguments)
        result = await self._context.threads.run(request, work, urgent=is_urgent(task), size=large_size(arguments))
        return Json(result) if limit is None else Response(fit(for_agents(result), limit), media_type=Json.media_type)


def _max_characters(request: Request) -> int | None:
    value = request.query_params.get("max_characters")
    if value is None:
        return None
    if not value.isdecimal() or int(value[:12]) < _LEAST_CHARACTERS:
        raise InvalidArguments(f"`max_characters` is {value[:40]!r}; give a number from {_LEAST_CHARACTERS}")
    return int(value[:12])
