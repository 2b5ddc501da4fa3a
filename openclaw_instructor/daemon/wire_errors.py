"""Convert errors to an HTTP status and body in the daemon, and back to exceptions in the client."""

from __future__ import annotations

import math
from typing import Any

from openclaw_instructor import errors
from openclaw_instructor.errors import InstructorError, ServiceError, UserError

_STATUS = {
    "unknown_model": 404,
    "unknown_task": 404,
    "unknown_collection": 404,
    "checkpoint_unavailable": 424,
    "forbidden": 403,
    "identity_mismatch": 409,
    "busy": 429,
    "model_loading": 503,
    "daemon_unavailable": 503,
    "store_error": 507,
}


def status_of(error: InstructorError) -> int:
    """Return 4xx for what the caller, a file or a setting must change; 429 and 503 for what passes; else 500."""
    return _STATUS.get(error.code, 400 if isinstance(error, UserError) else 500)


def body_of(error: InstructorError) -> dict[str, Any]:
    """Return the `{"error": ...}` object of HTTP, the command line and this package's client."""
    retry_after = getattr(error, "retry_after", None)
    return {"error": error.as_dict() | ({"retry_after": retry_after} if retry_after else {})}


def headers_of(error: InstructorError) -> dict[str, str]:
    """Return the `Retry-After` header in whole seconds, for an error that says when to try again."""
    retry_after = getattr(error, "retry_after", None)
    return {"Retry-After": str(math.ceil(retry_after))} if retry_after else {}


def unexpected(error: BaseException) -> InstructorError:
    """Describe an unexpected error by its type only, because its message may quote a text."""
    return ServiceError(
        f"an unexpected {type(error).__name__} on our side; the daemon's log says where. Report it if it stays"
    )


def error_from(body: dict[str, Any]) -> InstructorError:
    """Rebuild the exception that an `error` object describes."""
    kind = _kinds().get(str(body.get("code")), ServiceError)
    error = kind(str(body.get("message", "the daemon gave no reason")))
    if isinstance(error, ServiceError) and body.get("retry_after"):
        error.retry_after = float(body["retry_after"])
    return error


def _kinds() -> dict[str, type[InstructorError]]:
    found = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, InstructorError)]
    return {kind.code: kind for kind in found}
