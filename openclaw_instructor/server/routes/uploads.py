"""Files of mail or texts that a page sends for a task: which task, which kind of file, and a place to read it from."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath

from starlette.requests import Request

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.registry.kinds.classify import ClassifyTask
from openclaw_instructor.service import Toolbox
from openclaw_instructor.tasks.teach import classify_task

TASK = {"name": "task", "in": "query", "required": True, "schema": {"type": "string", "minLength": 1}}
NAME = {"name": "name", "in": "query", "required": True, "schema": {"type": "string", "minLength": 1}}
_SUFFIXES = (".eml", ".emlx", ".msg", ".mbox", ".mbx", ".csv", ".tsv", ".jsonl", ".ndjson", ".txt", ".md", ".text")


async def asked(request: Request, toolbox: Toolbox) -> tuple[ClassifyTask, str, bytes]:
    """Return the task, the file's suffix and its bytes. Raises UnknownTask, InvalidArguments."""
    toolbox.registry.refresh()
    task = classify_task(toolbox.registry, request.query_params.get("task", ""))
    name = request.query_params.get("name", "")
    suffix = PurePath(name).suffix.lower()
    if suffix not in _SUFFIXES:
        raise InvalidArguments(f"`name` is {name[:80]!r}; send a file of one of these: {', '.join(_SUFFIXES)}")
    return task, suffix, await request.body()


@contextmanager
def file(body: bytes, suffix: str) -> Iterator[Path]:
    """Write what was sent to a file of this kind; its own name is not used."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"messages{suffix}"
        path.write_bytes(body)
        yield path
