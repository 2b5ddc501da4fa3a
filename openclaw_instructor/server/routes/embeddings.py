"""Routes of the model: embed texts, name the checkpoint in use."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from openclaw_instructor.daemon.embedding_body import Encoding, embedding_body
from openclaw_instructor.engine import Engine, Priority, role_of
from openclaw_instructor.errors import InvalidArguments, UnknownModel
from openclaw_instructor.server import schemas
from openclaw_instructor.server.routes.context import Context, Handlers
from openclaw_instructor.server.routes.route import ApiRoute, Json
from openclaw_instructor.server.security import AccessScope
from openclaw_instructor.server.threadpool import embed

_BULK_TEXTS = 32  # a request with more texts is bulk work, whatever its type
_BULK_TYPES = ("passage", "document")
_REFRESH_SECONDS = 0.05
_ID = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "The checkpoint's name, such as `mini`.",
    "schema": {"type": "string", "minLength": 1},
}


def routes(context: Context) -> list[ApiRoute]:
    """Return the routes bound to a context."""
    handlers = _Handlers(context)
    return [
        ApiRoute(
            *("POST", "/v1/embeddings", handlers.embeddings, "embeddings"),
            "Embed texts, as OpenAI's route of that name.",
            effect="read",
            scope=AccessScope.READ,
            body=schemas.EmbeddingsRequest,
            answer=schemas.EMBEDDINGS,
        ),
        ApiRoute(
            *("GET", "/v1/models", handlers.models, "models", "The checkpoint that is served."),
            effect="read",
            scope=AccessScope.READ,
        ),
        ApiRoute(
            # The name of a checkpoint of the hub has a slash.
            *("GET", "/v1/models/{id:path}", handlers.model, "model", "The checkpoint that is served, by its name."),
            effect="read",
            scope=AccessScope.READ,
            parameters=(_ID,),
        ),
    ]


class _Handlers(Handlers):
    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._refreshed = float("-inf")

    async def embeddings(self, request: Request) -> Response:
        body = await schemas.read_embeddings(request)
        engine = self._toolbox.engine
        prepare = partial(self._prepare, body)
        # Use a thread only for the first request, which may have to download the checkpoint.
        instruction = prepare() if engine.opened else await self._threads.run(request, prepare)
        bulk = body.input_type.rpartition(".")[2] in _BULK_TYPES or len(body.texts) > _BULK_TEXTS
        priority = Priority.BULK if bulk else Priority.INTERACTIVE
        role = role_of(body.input_type)
        embeddings = await embed(request, engine, body.texts, instruction, role, priority)
        embeddings = embeddings.truncated_to(body.dimensions)
        encoding: Encoding = "base64" if body.encoding_format == "base64" else "array"
        return Json(embedding_body(embeddings, engine.checkpoint_name, encoding))

    def _prepare(self, body: schemas.EmbeddingsRequest) -> str:
        """Return the named instruction; opens the checkpoint, which may have to be downloaded."""
        engine = self._toolbox.engine
        _check_model(engine, body)
        # Files are not checked for every request: that releases Python's lock, which is expensive under load.
        if time.monotonic() - self._refreshed > _REFRESH_SECONDS:
            self._toolbox.registry.refresh()
            self._refreshed = time.monotonic()
        return self._toolbox.registry.embedding_instruction(body.input_type, engine.checkpoint_name)

    async def models(self, request: Request) -> Response:
        return Json({"object": "list", "data": [await self._threads.run(request, self._model)]})

    async def model(self, request: Request) -> Response:
        return Json(await self._threads.run(request, partial(self._model, request.path_params["id"])))

    def _model(self, name: str | None = None) -> dict[str, Any]:
        engine = self._toolbox.engine
        _check_name(engine, name)
        return {
            "id": engine.checkpoint_name,
            "object": "model",
            "created": 0,
            "owned_by": "openclaw-instructor",
            "dimensions": engine.dimension,
            "max_seq_length": engine.embedder.max_seq_length,
            "loaded": engine.loaded,
        }


def _check_name(engine: Engine, name: str | None) -> None:
    served = engine.checkpoint_name
    if name is not None and name not in (served, served.rsplit("/", 1)[-1], engine.settings.checkpoint):
        raise UnknownModel(
            f"model {name[:100]!r} is not served; this daemon runs `{served}`. Ask for that, or change it with "
            "`openclaw-instructor model use`",
            "model",
        )


def _check_model(engine: Engine, body: schemas.EmbeddingsRequest) -> None:
    _check_name(engine, body.model)
    least, most = engine.embedder.least_dimension, engine.dimension
    if body.dimensions is not None and not least <= body.dimensions <= most:
        given = f"{most}, and only that" if least == most else f"{least} to {most}"
        message = f"`dimensions` is {body.dimensions}; `{engine.checkpoint_name}` gives {given}"
        raise InvalidArguments(message, "dimensions")
