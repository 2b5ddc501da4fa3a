"""The OpenAPI 3.1 description of the HTTP interface, with the argument schemas of the tasks in force."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from openclaw_instructor import __version__
from openclaw_instructor.registry.tool_spec import ToolSpec
from openclaw_instructor.server import schemas

_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string", "description": "What is wrong, where, and the fix."},
                "retry_after": {"type": "number", "description": "Seconds after which trying again is sensible."},
            },
        }
    },
}
_OBJECT: dict[str, Any] = {"type": "object"}
_MAX_CHARACTERS = {
    "name": "max_characters",
    "in": "query",
    "description": "Shorten the result to this length; `left_out` says what is missing.",
    "schema": {"type": "integer", "minimum": 500},
}
_EMBEDDINGS = {
    "type": "object",
    "required": ["object", "model", "data", "usage", "truncated"],
    "properties": {
        "object": {"const": "list"},
        "model": {"type": "string"},
        "data": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["object", "index", "embedding"],
                "properties": {
                    "object": {"const": "embedding"},
                    "index": {"type": "integer"},
                    "embedding": {
                        "description": "L2-normalised: numbers, or base64 of little-endian float32.",
                        "anyOf": [{"type": "array", "items": {"type": "number"}}, {"type": "string"}],
                    },
                },
            },
        },
        "usage": {
            "type": "object",
            "properties": {"prompt_tokens": {"type": "integer"}, "total_tokens": {"type": "integer"}},
        },
        "truncated": {"type": "array", "items": {"type": "integer"}, "description": "Texts that did not fit whole."},
    },
}


def describe(specs: Sequence[ToolSpec]) -> dict[str, Any]:
    """The document served at /openapi.json."""
    paths: dict[str, Any] = {
        "/health": {"get": _operation("health", "Whether the service is up.", _OBJECT) | {"security": []}},
        "/metrics": {"get": _operation("metrics", "Metrics for Prometheus.", {"type": "string"}, "text/plain")},
        "/openapi.json": {"get": _operation("openapi", "This document.", _OBJECT)},
        "/v1/models": {"get": _operation("models", "The checkpoint that is served.", _OBJECT)},
        "/v1/tools": {"get": _operation("tools", "The tasks in force and their argument schemas.", _OBJECT)},
        "/v1/embeddings": {
            "post": _post(
                "embeddings", "Embed texts, as OpenAI's route of that name.", schemas.EmbeddingsRequest, _EMBEDDINGS
            )
        },
        "/v1/index": {"get": _operation("index_status", "The collections.", _OBJECT) | {"parameters": [_NAME]}},
        "/v1/index/add": {"post": _post("index_add", "Register folders as a collection.", schemas.IndexAdd, _OBJECT)},
        "/v1/index/sync": {"post": _post("index_sync", "Bring collections up to date.", schemas.IndexSync, _OBJECT)},
        "/v1/index/remove": {"post": _post("index_remove", "Forget a collection.", schemas.IndexName, _OBJECT)},
    }
    for spec in specs:
        operation = _operation(f"run_{spec.name}", spec.description, _OBJECT)
        paths[f"/v1/tools/{spec.name}"] = {
            "post": operation | {"requestBody": _content(spec.parameters), "parameters": [_MAX_CHARACTERS]}
        }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "openclaw-instructor",
            "version": __version__,
            "description": "Agent tools and embeddings on one instruction-steered model. The tools are also served "
            "over MCP at /mcp.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": {"Error": _ERROR},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


_NAME = {"name": "name", "in": "query", "required": False, "schema": {"type": "string", "minLength": 1}}


def _operation(name: str, summary: str, answer: dict[str, Any], media: str = "application/json") -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {
        "operationId": name,
        "summary": summary,
        "responses": {
            "200": {"description": "Done.", "content": {media: {"schema": answer}}},
            "4XX": {"description": "The request has to change.", "content": error},
            "5XX": {"description": "Our side: try again, or report it.", "content": error},
        },
    }


def _post(name: str, summary: str, body: type[BaseModel], answer: dict[str, Any]) -> dict[str, Any]:
    schema = body.model_json_schema()
    schema.pop("title", None)
    return _operation(name, summary, answer) | {"requestBody": _content(schema)}


def _content(schema: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema}}}
