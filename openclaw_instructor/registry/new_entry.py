"""Build an entry from the options of `tasks add` and write it, once a copy of the file with it is valid."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openclaw_instructor.errors import InvalidArguments, InvalidRegistry
from openclaw_instructor.paths import write_whole
from openclaw_instructor.registry.kinds import Kind
from openclaw_instructor.registry.yaml_edit import with_entry


def build_entry(kind: Kind, description: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Build the entry of a new task. Raises InvalidArguments for an option that the kind does not have."""
    known = {option.name for option in kind.options}
    given = {name: value for name, value in options.items() if value is not None and value != ()}
    if extra := sorted(given.keys() - known):
        flag = "--" + extra[0].replace("_", "-")
        raise InvalidArguments(f"a task of kind {kind.name} has no {flag}; leave it out, or choose another --kind")
    return {"kind": kind.name, "description": description, **kind.new_entry(given)}


def write_entry(path: Path, name: str, entry: Mapping[str, Any]) -> None:
    """Add the entry to the file, after a copy with it has passed `tasks check`.

    Raises InvalidRegistry, InvalidSettings and UnreadableSource.
    """
    write_checked(path, with_entry(path, "tasks", name, entry, new="version: 1\n"))


def write_checked(path: Path, text: str) -> None:
    """Replace the file by `text`, after a copy of that has passed `tasks check`.

    Raises InvalidRegistry, and UnreadableSource when the file cannot be written.
    """
    from openclaw_instructor.registry import check

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        copy.write_text(text, encoding="utf-8")
        if problems := check(copy):
            where = f"`{problems[0].key}`: " if problems[0].key else ""
            raise InvalidRegistry(f"nothing was added: {where}{problems[0].what}; {problems[0].fix}")
    write_whole(path, text)
