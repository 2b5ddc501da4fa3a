"""Describe the HTTP interface in OpenAPI 3.1, with the argument schemas of the tasks in force."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from openclaw_instructor import __version__
from openclaw_instructor.registry.tool_spec import Effect, ToolSpec
from openclaw_instructor.server.routes.route import ANY_OBJECT, ApiRoute, Schema
from openclaw_instructor.server.security import AccessScope

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
                "type": {"type": "string", "description": "OpenAI's kind of error, by the status."},
                "param": {"type": ["string", "null"], "description": "The field of the body that has to change."},
                "retry_after": {"type": "number", "description": "Seconds after which trying again is sensible."},
            },
        }
    },
}
_MAX_CHARACTERS = {
    "name": "max_characters",
    "in": "query",
    "description": "Shorten the result to this length; `left_out` says what is missing.",
    "schema": {"type": "integer", "minimum": 500},
}


def describe(specs: Sequence[ToolSpec], routes: Sequence[ApiRoute]) -> dict[str, Any]:
    """Write the document served at /openapi.json. `x-effect` and `x-scope` say what an operation changes and needs."""
    paths: dict[str, Any] = {}
    for route in routes:
        if route.summary:
            paths.setdefault(route.path.replace(":path}", "}"), {})[route.method.lower()] = _operation(route)
    for spec in specs:
        scope = AccessScope.needed_for(spec.effect)
        operation = _described(f"run_{spec.name}", spec.description, ANY_OBJECT, spec.effect, scope)
        body = {"requestBody": _content(spec.parameters), "parameters": [_MAX_CHARACTERS]}
        paths[f"/v1/tools/{spec.name}"] = {"post": operation | body}
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


def _operation(route: ApiRoute) -> dict[str, Any]:
    operation = _described(route.name, route.summary, route.answer, route.effect, route.scope, route.media)
    if route.parameters:
        operation["parameters"] = list(route.parameters)
    if route.body is not None:
        schema = route.body.model_json_schema()
        schema.pop("title", None)
        operation["requestBody"] = _content(schema)
    elif route.body_media:
        file = {"schema": {"type": "string", "format": "binary"}}
        operation["requestBody"] = {"required": True, "content": {route.body_media: file}}
    return operation


def _described(
    name: str,
    summary: str,
    answer: Schema,
    effect: Effect,
    scope: AccessScope | None,
    media: str = "application/json",
) -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "x-effect": effect,
        "responses": {
            "200": {"description": "Done.", "content": {media: {"schema": answer}}},
            "4XX": {"description": "The request has to change.", "content": error},
            "5XX": {"description": "Our side: try again, or report it.", "content": error},
        },
    }
    access: dict[str, Any] = {"security": []} if scope is None else {"x-scope": str(scope)}
    return operation | access


def _content(schema: Schema) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema}}}
