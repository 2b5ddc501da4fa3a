"""The HTTP routes: each reads a request, asks the Toolbox, and shapes the answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import CancelledError as FutureCancelled
from functools import partial
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from openclaw_instructor.daemon.embedding_body import Encoding, embedding_body
from openclaw_instructor.daemon.wire_errors import body_of, unexpected
from openclaw_instructor.engine import CancelScope, Engine, Priority
from openclaw_instructor.errors import Busy, InstructorError, InvalidArguments
from openclaw_instructor.server import openapi, schemas
from openclaw_instructor.server.mcp_content import fit
from openclaw_instructor.server.metrics import CONTENT_TYPE, Metrics
from openclaw_instructor.server.threadpool import Workers, embed
from openclaw_instructor.service import Toolbox

logger = logging.getLogger(__name__)

_BULK_TEXTS = 32  # more texts than this in one request are bulk work whatever their type
_LEAST_CHARACTERS = 500
_REFRESH_SECONDS = 0.05
_BULK_TYPES = ("passage", "document")


class Json(Response):
    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


class Routes:
    """Handlers bound to one Toolbox. `health(known)` is the body of /health; `known`: the asker sent the token."""

    def __init__(
        self, toolbox: Toolbox, workers: Workers, metrics: Metrics, health: Callable[[bool], dict[str, Any]]
    ) -> None:
        self._toolbox = toolbox
        self._workers = workers
        self._metrics = metrics
        self._health = health
        self._refreshed = float("-inf")

    def all(self) -> list[Route]:
        # The router looks from the top, so what is asked most stands first.
        return [
            Route("/v1/embeddings", self.embeddings, methods=["POST"]),
            Route("/v1/tools/{name}", self.run_tool, methods=["POST"]),
            Route("/health", self.health),
            Route("/metrics", self.metrics),
            Route("/openapi.json", self.openapi),
            Route("/v1/tools", self.tools),
            Route("/v1/models", self.models),
            Route("/v1/index", self.index_status),
            Route("/v1/index/add", self.index_add, methods=["POST"]),
            Route("/v1/index/sync", self.index_sync, methods=["POST"]),
            Route("/v1/index/remove", self.index_remove, methods=["POST"]),
        ]

    async def health(self, request: Request) -> Response:
        known = bool(request.scope.get("authorized"))
        return Json(await self._workers.probe(partial(self._health, known)))

    async def metrics(self, request: Request) -> Response:
        return Response(self._metrics.expose(), media_type=CONTENT_TYPE)

    async def openapi(self, request: Request) -> Response:
        return Json(openapi.describe(self._toolbox.tools()))

    async def tools(self, request: Request) -> Response:
        specs = [spec.as_dict() for spec in self._toolbox.tools()]
        registry = self._toolbox.registry
        return Json({"tools": specs, "digest": registry.digest, "problem": registry.problem})

    async def run_tool(self, request: Request) -> Response:
        """The result; with `max_characters` within that length, as over MCP."""
        limit = _max_characters(request)
        arguments = await schemas.read_object(request)
        name = request.path_params["name"]
        result = await self._workers.run(request, partial(self.run, name, arguments))
        return Json(result) if limit is None else Response(fit(result, limit), media_type=Json.media_type)

    def run(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Run a task and count it; blocking. The MCP endpoint calls it too."""
        outcome = "error"
        try:
            result = self._toolbox.run(name, arguments)
            outcome = "ok"
            return result
        except (InstructorError, FutureCancelled) as error:
            outcome = getattr(error, "code", "cancelled")
            raise
        finally:
            known = name if name in self._toolbox.registry.tasks else "unknown"
            self._metrics.calls.labels(known, outcome).inc()

    async def embeddings(self, request: Request) -> Response:
        body = await schemas.read_embeddings(request)
        engine = self._toolbox.engine
        prepare = partial(self._prepare, body)
        # Opening a checkpoint may download it; later the instruction is at hand, and a thread would cost more.
        instruction = prepare() if engine.opened else await self._workers.run(request, prepare)
        bulk = body.input_type.rpartition(".")[2] in _BULK_TYPES or len(body.texts) > _BULK_TEXTS
        priority = Priority.BULK if bulk else Priority.INTERACTIVE
        embeddings = await embed(request, engine, body.texts, instruction, priority)
        encoding: Encoding = "base64" if body.encoding_format == "base64" else "array"
        return Json(embedding_body(embeddings, engine.checkpoint_name, encoding))

    def _prepare(self, body: schemas.EmbeddingsRequest) -> str:
        """The instruction that is meant; opens the checkpoint, which may have to download it."""
        engine = self._toolbox.engine
        _check_model(engine, body)
        # Looking at files lets other threads in, which is dear under load; nobody edits and asks faster than this.
        if time.monotonic() - self._refreshed > _REFRESH_SECONDS:
            self._toolbox.registry.refresh()
            self._refreshed = time.monotonic()
        return self._toolbox.registry.embedding_instruction(body.input_type, engine.checkpoint_name)

    async def models(self, request: Request) -> Response:
        return Json(await self._workers.run(request, self._models))

    def _models(self) -> dict[str, Any]:
        engine = self._toolbox.engine
        model = {
            "id": engine.checkpoint_name,
            "object": "model",
            "created": 0,
            "owned_by": "openclaw-instructor",
            "dimensions": engine.dimension,
            "max_seq_length": engine.embedder.max_seq_length,
            "loaded": engine.loaded,
        }
        return {"object": "list", "data": [model]}

    async def index_status(self, request: Request) -> Response:
        name = request.query_params.get("name")
        states = await self._workers.run(request, lambda: self._toolbox.index_status(name))
        return Json({"collections": [state.as_dict() for state in states]})

    async def index_add(self, request: Request) -> Response:
        body = await schemas.read(request, schemas.IndexAdd)
        add = partial(self._toolbox.index_add, body.name, body.folders, body.include, body.exclude)
        await self._workers.run(request, add)
        return Json({"name": body.name, "added": True})

    async def index_remove(self, request: Request) -> Response:
        body = await schemas.read(request, schemas.IndexName)
        await self._workers.run(request, partial(self._toolbox.index_remove, body.name))
        return Json({"name": body.name, "removed": True})

    async def index_sync(self, request: Request) -> Response:
        """The report; to `Accept: application/x-ndjson`, lines of progress and then the report."""
        body = await schemas.read(request, schemas.IndexSync)
        if "ndjson" in request.headers.get("accept", ""):
            return StreamingResponse(self._sync_events(body.name), media_type="application/x-ndjson")
        report = await self._workers.run(request, lambda: self._toolbox.index_sync(body.name), long=True)
        return Json(report.as_dict())

    async def _sync_events(self, name: str | None) -> AsyncIterator[bytes]:
        latest: list[tuple[int, int, str]] = []
        news = asyncio.Event()
        loop = asyncio.get_running_loop()

        def on_progress(done: int, total: int, message: str) -> None:
            latest[:] = [(done, total, message)]
            loop.call_soon_threadsafe(news.set)

        scope = CancelScope()
        sync = asyncio.ensure_future(
            self._workers.call(scope, lambda: self._toolbox.index_sync(name, on_progress), long=True)
        )
        sync.add_done_callback(lambda _: news.set())
        try:
            while not sync.done():
                await news.wait()
                news.clear()
                if latest and not sync.done():
                    yield orjson.dumps({"progress": latest[0]}) + b"\n"
            yield orjson.dumps(_outcome(sync)) + b"\n"
        finally:
            # The client hung up: what is committed stays, the rest is for the next sync.
            sync.cancel()


def _max_characters(request: Request) -> int | None:
    value = request.query_params.get("max_characters")
    if value is None:
        return None
    if not value.isdecimal() or int(value[:12]) < _LEAST_CHARACTERS:
        raise InvalidArguments(f"`max_characters` is {value[:40]!r}; give a number from {_LEAST_CHARACTERS}")
    return int(value[:12])


def _outcome(task: asyncio.Future[Any]) -> dict[str, Any]:
    error = task.exception()
    if error is None:
        report: dict[str, Any] = task.result().as_dict()
        return report
    if isinstance(error, FutureCancelled):
        error = Busy("the service ended while it indexed; what was indexed stays, and the next sync goes on", 1.0)
    if isinstance(error, InstructorError):
        return body_of(error)
    logger.error("an unexpected error", exc_info=error)
    return body_of(unexpected(error))


def _check_model(engine: Engine, body: schemas.EmbeddingsRequest) -> None:
    served = engine.checkpoint_name
    if body.model is not None and body.model not in (served, served.rsplit("/", 1)[-1], engine.settings.checkpoint):
        raise InvalidArguments(
            f"model {body.model[:100]!r} is not served; this daemon runs `{served}`. Ask for that, or change it with "
            "`openclaw-instructor model use`"
        )
    if body.dimensions is not None and body.dimensions != engine.dimension:
        raise InvalidArguments(f"`dimensions` is {body.dimensions}; `{served}` gives {engine.dimension}, and only that")
