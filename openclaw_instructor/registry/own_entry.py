"""Set values of a task in a person's own instructions.yaml, and leave the rest of the file as it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from openclaw_instructor.errors import InvalidRegistry, InvalidSettings
from openclaw_instructor.registry.entries import PACKAGED
from openclaw_instructor.registry.new_entry import write_checked
from openclaw_instructor.registry.registry import Registry
from openclaw_instructor.registry.yaml_edit import with_entry, with_item, with_value


def own_entry(path: Path, name: str) -> dict[str, Any] | None:
    """Return what the file says of a task; None if nothing."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig")) or {}
    except FileNotFoundError:
        return None
    found = (content.get("tasks") or {}).get(name)
    return found if isinstance(found, dict) else None


def write_values(path: Path, registry: Registry, name: str, values: Mapping[str, Any]) -> None:
    """Set keys of a task; a packaged one gets an entry that extends it.

    Raises UnknownTask, InvalidRegistry, InvalidSettings and UnreadableSource; some keys may have been written then.
    """
    if registry.problem:
        raise InvalidRegistry(f"nothing was written, because {registry.problem}")
    registry.get(name)
    own = own_entry(path, name)
    if own is None:
        write_checked(path, with_entry(path, "tasks", name, {"extends": PACKAGED, **values}, new="version: 1\n"))
        return
    if set(own) == {"enabled"}:
        raise InvalidSettings(f"{path}: `{name}` is switched there by `enabled`; write `extends: {PACKAGED}` too")
    for key, value in values.items():
        place = ("tasks", name)
        text = with_value(path, place, key, value) if key in own else with_item(path, place, key, value)
        write_checked(path, text)
